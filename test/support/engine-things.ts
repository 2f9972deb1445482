import { readFileSync } from "node:fs";
import { join } from "node:path";
import type Docker from "dockerode";
import { findEngine } from "modal-emulator/admin";
import type { ParheliaHome } from "./parhelia.ts";

/** The engine that the tests run on. */
export async function engine(): Promise<Docker> {
  return (await findEngine()).docker;
}

/** The name of a home's emulator on everything that it makes in the engine. */
export function instanceOf(home: ParheliaHome): string {
  const file = join(home.stateDirectory, "credentials.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { instance: string }).instance;
}

/** The containers of a home's emulator, stopped ones included. */
export async function containersOf(home: ParheliaHome): Promise<Docker.ContainerInfo[]> {
  const label = [`modal-emulator.instance=${instanceOf(home)}`];
  return (await engine()).listContainers({ all: true, filters: { label } });
}

/** The containers of a home's sandboxes, by the sandbox's identifier. */
export async function sandboxContainers(
  home: ParheliaHome,
): Promise<ReadonlyMap<string, Docker.ContainerInfo>> {
  const containers = await containersOf(home);
  return new Map(
    containers
      .filter(({ Labels }) => Labels["modal-emulator.kind"] === "sandbox")
      .map((container) => [container.Labels["modal-emulator.sandbox"] ?? "", container]),
  );
}

/** The images of a home's emulator. */
export async function imagesOf(home: ParheliaHome): Promise<Docker.ImageInfo[]> {
  const reference = [`modal-emulator-${instanceOf(home)}`];
  return (await engine()).listImages({ filters: { reference } });
}
