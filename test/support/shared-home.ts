import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, inject } from "vitest";
import { claimHome } from "./home-claims.ts";
import { ParheliaHome } from "./parhelia.ts";
import { connectSdk } from "./sdk.ts";
import { Session } from "./session.ts";

export { Session };

/** Parhelia's default. */
const VOLUME = "parhelia-vol";

const BUILD = resolve(import.meta.dirname, "../../packages/parhelia/dist/cli/main.js");

/** As `claimSharedHome`, with the image published before the file's first test. */
export function useSharedHome(): ParheliaHome {
  const home = claimSharedHome();
  beforeAll(() => publishImage(home));
  return home;
}

/**
 * A home that other files have before and after this one: whichever runs beside it has another, with its own
 * emulator, secrets and volumes. It is let go of after all else that the file does at its end.
 */
export function claimSharedHome(): ParheliaHome {
  const { directory, release } = claimHome(inject("sharedHomes"));
  const home = new ParheliaHome(directory);
  afterAll(async () => {
    await removeVolume(home);
    release();
  });
  return home;
}

/** Each sandbox of the next file would begin with a copy of what this one leaves on the volume. */
async function removeVolume(home: ParheliaHome): Promise<void> {
  if (!existsSync(home.stateDirectory)) return;
  const modal = await connectSdk(home);
  try {
    await modal.volumes.delete(VOLUME, { allowMissing: true });
  } catch (error) {
    process.stderr.write(`${VOLUME} stays for the next file: ${String(error)}\n`);
  } finally {
    modal.close();
  }
}

/** A home of the file's own, for what would disturb others; removed after the file's last test. */
export function useOwnHome(): ParheliaHome {
  const home = new ParheliaHome();
  afterAll(() => home.cleanUp());
  return home;
}

/**
 * Builds and publishes the image of a home, unless that was done since the packages were built. What the
 * engine has of its layers from another home is not built again.
 */
export async function publishImage(home: ParheliaHome): Promise<void> {
  const images = (await home.json(["image", "ls"])) as { tag: string; publishedAt: string }[];
  const published = images.find(({ tag }) => tag === "parhelia-cpu:latest")?.publishedAt;
  if (published !== undefined && Date.parse(published) > statSync(BUILD).mtimeMs) return;
  await home.succeed(["image", "build"]);
}

/** A session that runs from before the file's first test until after its last one. */
export function useSession(
  home: ParheliaHome,
  name: string,
  flags: readonly string[] = [],
): Session {
  const session = new Session(home, name, flags);
  beforeAll(() => session.up());
  afterAll(() => session.stop());
  return session;
}
