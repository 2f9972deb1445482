import { text } from "node:stream/consumers";
import type Docker from "dockerode";
import { packFiles } from "./copy-archive.ts";
import { ignoreStatus } from "./engine-errors.ts";
import { labels, LAYER_LABEL } from "./labels.ts";

/** What is made an image, and what that is called. */
export interface SnapshotPlan {
  readonly instance: string;
  /** Of the sandbox, which goes on. */
  readonly containerName: string;
  /** `REPOSITORY:TAG` */
  readonly engineTag: string;
}

/**
 * Makes an image of all that a container has in its own files; volumes are not among them.
 *
 * An engine writes the container's whole environment, and with it the values of secrets, into an image that it
 * commits. So that one is a draft: a second image is registered, of the same layers, with the base's own
 * configuration and no history, and the draft goes.
 * @returns the engine's identifier of the image
 */
export async function snapshotContainer(docker: Docker, plan: SnapshotPlan): Promise<string> {
  const container = docker.getContainer(plan.containerName);
  // By its identifier: its name may have been taken off it meanwhile.
  const base = await docker.getImage((await container.inspect()).Image).inspect();
  const draft = (await container.commit({
    _query: { container: plan.containerName },
    _body: { Labels: labels(plan.instance, "draft") },
  })) as { Id: string };
  try {
    const { RootFS, Architecture, Os, Created } = await docker.getImage(draft.Id).inspect();
    const config = { ...base.Config, Labels: snapshotLabels(base.Config.Labels, plan.instance) };
    await register(docker, plan.engineTag, RootFS.Layers ?? [], {
      architecture: Architecture,
      os: Os,
      created: Created,
      config,
    });
  } finally {
    await removeImage(docker, draft.Id);
  }
  return (await docker.getImage(plan.engineTag).inspect()).Id;
}

/** Removes drafts that an emulator left which died; returns how many. */
export async function removeDrafts(docker: Docker, instance: string): Promise<number> {
  const label = Object.entries(labels(instance, "draft")).map(
    ([name, value]) => `${name}=${value}`,
  );
  const drafts = await docker.listImages({ filters: { label } });
  for (const { Id } of drafts) await removeImage(docker, Id);
  return drafts.length;
}

async function removeImage(docker: Docker, name: string): Promise<void> {
  await ignoreStatus([404, 409], docker.getImage(name).remove({ force: true }));
}

/** Not the base's layer: a build that looks for that would find the snapshot instead. */
function snapshotLabels(
  ofBase: Readonly<Record<string, string>> | null | undefined,
  instance: string,
): Record<string, string> {
  const others = Object.entries(ofBase ?? {}).filter(([name]) => name !== LAYER_LABEL);
  return { ...Object.fromEntries(others), ...labels(instance, "snapshot") };
}

/** An archive of an image without its layers: the engine has them, and looks for no file then. */
async function register(
  docker: Docker,
  engineTag: string,
  layers: readonly string[],
  description: object,
): Promise<void> {
  const config = { ...description, rootfs: { type: "layers", diff_ids: layers }, history: [] };
  const manifest = [
    {
      Config: "config.json",
      RepoTags: [engineTag],
      Layers: layers.map((_layer, index) => `${index}/layer.tar`),
    },
  ];
  const files = { "config.json": config, "manifest.json": manifest };
  const archive = packFiles(
    Object.entries(files).map(([name, content]) => ({
      name,
      data: Buffer.from(JSON.stringify(content)),
    })),
    {},
  );
  const answer = await text(await docker.loadImage(archive, { quiet: true }));
  const failure = /"error":\s*"((?:[^"\\]|\\.)*)"/.exec(answer)?.[1];
  if (failure !== undefined) throw new Error(`the engine did not take the snapshot: ${failure}`);
}
