import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModalClient } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { engine, imagesOf, instanceOf } from "../support/engine-things.ts";
import { randomSecret } from "../support/leaks.ts";
import { connectSdk } from "../support/sdk.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const configuration = join(home.directory, "snapshots.toml");
writeFileSync(configuration, '[image]\npip = []\n[modal]\nsnapshot = "filesystem"\n');
const session = new Session(home, "installed", ["--config", configuration]);
const secret = randomSecret();

let modal: ModalClient;
/** Those of other sessions. */
let others: readonly string[] = [];

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: secret,
  });
  modal = await connectSdk(home);
  others = await snapshots();
});
afterAll(async () => {
  await session.command("rm");
  modal.close();
  await home.succeed(["secret", "rm", "anthropic-api-key"]);
});

interface SnapshotRecord {
  readonly imageId: string;
  readonly publishedImage: string;
}

/** What the volume has beside the session's checkpoints. */
async function record(): Promise<SnapshotRecord> {
  const path = `/vol/parhelia/checkpoints/${session.name}/snapshot.json`;
  return JSON.parse(await session.output(["cat", path])) as SnapshotRecord;
}

/** The engine's tags of the snapshots that were made meanwhile. */
async function snapshots(): Promise<string[]> {
  const images = await imagesOf(home);
  return images
    .filter(({ Labels }) => Labels["modal-emulator.kind"] === "snapshot")
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => !others.includes(tag));
}

const tagOf = ({ imageId }: SnapshotRecord) => `modal-emulator-${instanceOf(home)}:${imageId}`;
const installed = () => session.output(["sh", "-c", "mine; cat ~/tool; cat in-workspace"]);

describe("SPEC-01.15: what was installed in a sandbox", () => {
  let first: SnapshotRecord;

  test("is there after stop and resume, and the session is as it was", async () => {
    await session.up();
    await session.asRoot([
      "sh",
      "-c",
      "printf '#!/bin/sh\\necho installed\\n' > /usr/local/bin/mine; chmod +x /usr/local/bin/mine",
    ]);
    await session.output(["sh", "-c", "echo of home > ~/tool; echo work > in-workspace"]);
    const stopped = await session.command("stop");
    expect(stopped, stopped.stderr).toMatchObject({ exitStatus: 0 });
    expect(stopped.stderr).not.toContain("warning");

    const resumed = await session.command("resume");
    expect(resumed, resumed.stderr).toMatchObject({ exitStatus: 0 });
    expect(resumed.stderr).not.toContain("snapshot");
    expect(await installed()).toBe("installed\nof home\nwork");
    expect(await session.output(["readlink", "/home/parhelia/.claude"])).toBe(
      "/vol/parhelia/config/claude",
    );
    expect(await session.output(["cat", "/tmp/ready"])).toBe("PARHELIA_READY");
    expect(await session.output(["tmux", "list-sessions", "-F", "#S"])).toBe("main");
    first = await record();
    expect(await snapshots()).toEqual([tagOf(first)]);
  });

  test("is in an image without a secret's value, and without what only the first sandbox meant", async () => {
    const image = (await engine()).getImage(tagOf(first));
    const facts = JSON.stringify(await Promise.all([image.inspect(), image.history()]));
    expect(facts).toContain(first.imageId);
    expect(facts).not.toContain(secret);
    const app = await modal.apps.fromName("parhelia", { createIfMissing: true });
    const look = await modal.sandboxes.create(app, await modal.images.fromId(first.imageId), {
      command: ["sh", "-c", "ls /tmp/ready /vol/parhelia; env"],
    });
    const [stdout, stderr] = await Promise.all([
      look.stdout.readText(),
      look.stderr.readText(),
      look.wait(),
    ]);
    expect(stderr).toContain("/tmp/ready");
    expect(stdout).not.toMatch(/ANTHROPIC_API_KEY|checkpoints/);
  });

  test("is kept by a checkpoint on request, in the place of the snapshot before, and forked", async () => {
    await session.output(["sh", "-c", "echo later > ~/tool"]);
    const taken = await session.command("checkpoint");
    expect(taken, taken.stderr).toMatchObject({ exitStatus: 0 });
    const second = await record();
    expect(second.imageId).not.toBe(first.imageId);
    expect(second.publishedImage).toBe(first.publishedImage);
    expect(await snapshots()).toEqual([tagOf(second)]);
    expect(await session.output(["cat", "/tmp/ready"])).toBe("PARHELIA_READY");

    // A fork takes one of the session that runs, too.
    await session.output(["sh", "-c", "echo forked > ~/tool"]);
    const name = `snapshot-fork-${process.pid}`;
    await home.succeed(["--config", configuration, "fork", session.name, name]);
    const command = ["--config", configuration, "exec", name, "--", "cat", "/home/parhelia/tool"];
    expect((await home.succeed(command)).trim()).toBe("forked");
    expect(await snapshots()).toEqual([tagOf(await record())]);
    await home.succeed(["--config", configuration, "rm", name]);
    await session.stop();
  });
});

describe("SPEC-01.15: a snapshot that does not fit any more is named, and the published image used", () => {
  async function resumeWithout(reason: RegExp): Promise<void> {
    const resumed = await session.command("resume");
    expect(resumed, resumed.stderr).toMatchObject({ exitStatus: 0 });
    expect(resumed.stderr).toMatch(reason);
    expect((await session.exec(["mine"])).exitStatus).toBe(127);
    expect(await session.output(["cat", "in-workspace"])).toBe("work");
  }

  test("since another image was published", async () => {
    const app = await modal.apps.fromName("parhelia", { createIfMissing: true });
    const published = await modal.images.fromName("parhelia-cpu");
    const next = await published.dockerfileCommands(["RUN touch /opt/next"]).build(app);
    await next.publish("parhelia-cpu");
    try {
      await resumeWithout(/the snapshot of .* is not used.*: another image has been published/);
    } finally {
      await published.publish("parhelia-cpu");
    }
    await session.stop();
  });

  test("since it is not there; rm removes snapshot and record", async () => {
    // The last one is of the other image: one of this one's again.
    await session.resume();
    await session.command("checkpoint");
    await modal.images.delete((await record()).imageId);
    await session.stop(); // takes another one, of which rm is told
    await session.resume();
    await modal.images.delete((await record()).imageId);
    await session.output(["sh", "-c", "echo more > more"]);
    await home.succeed(["stop", session.name]); // without the setting: no snapshot
    await resumeWithout(/the snapshot of .* is not used.*: it is not found any more/);
    await session.command("checkpoint");
    expect(await snapshots()).toHaveLength(1);
    await session.command("rm");
    expect(await snapshots()).toEqual([]);
  });

  test("since the sandbox has written another image's id: rm deletes no published image", async () => {
    await session.up("--new");
    await session.command("checkpoint");
    const { imageId, publishedImage } = await record();
    const file = `/vol/parhelia/checkpoints/${session.name}/snapshot.json`;
    await session.asRoot(["sed", "-i", `s/${imageId}/${publishedImage}/`, file]);
    await session.asRoot(["sync", "/vol/parhelia"]);
    await session.command("rm");
    const published = await modal.images.fromName("parhelia-cpu");
    expect(published.imageId).toBe(publishedImage);
    await modal.images.delete(imageId);
  });

  test("since it has expired", async () => {
    await session.up("--new");
    await session.command("checkpoint");
    const { imageId } = await record();
    const file = `/vol/parhelia/checkpoints/${session.name}/snapshot.json`;
    const expired = 's/"expiresAt":"[^"]*"/"expiresAt":"2020-01-01T00:00:00.000Z"/';
    await session.asRoot(["sed", "-i", expired, file]);
    await modal.images.delete(imageId);
    await session.output(["sh", "-c", "echo work > in-workspace"]);
    await home.succeed(["stop", session.name]); // without the setting: no snapshot
    await resumeWithout(/the snapshot of .* is not used.*: it expired at 2020-01-01T00:00:00.000Z/);
  });

  test("one that cannot be recorded is a warning beside the checkpoint, and nobody has its image", async () => {
    const file = `/vol/parhelia/checkpoints/${session.name}/snapshot.json`;
    await session.asRoot(["sh", "-c", `rm ${file} && mkdir -p ${file}/in-the-way`]);
    await session.asRoot(["sync", "/vol/parhelia"]);
    const taken = await session.command("checkpoint");
    expect(taken, taken.stderr).toMatchObject({ exitStatus: 0 });
    expect(taken.stderr).toMatch(
      /warning: no snapshot of the sandbox of .*, only its checkpoint: /,
    );
    expect(await snapshots()).toEqual([]);
    await session.asRoot(["rm", "-r", file]);
  });
});
