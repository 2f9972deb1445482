/** On everything that an emulator makes in the engine: which state directory it belongs to. */
export const INSTANCE_LABEL = "modal-emulator.instance";

/** What it is. */
export const KIND_LABEL = "modal-emulator.kind";

/** On a sandbox's container: the sandbox's identifier. */
export const SANDBOX_LABEL = "modal-emulator.sandbox";

/** On an image: the digest of all that its layer was made from. Shared by all instances as a cache. */
export const LAYER_LABEL = "modal-emulator.layer";

/** Kinds of things that the emulator makes in the engine. */
export type Kind =
  "sandbox" | "build" | "image" | "draft" | "snapshot" | "volume" | "helper" | "view" | "keeper";

/** The labels of a thing. */
export function labels(instance: string, kind: Kind): Record<string, string> {
  return { [INSTANCE_LABEL]: instance, [KIND_LABEL]: kind };
}

/** Repository of the images of one instance; the tag behind it is the image's identifier. */
export function imageRepository(instance: string): string {
  return `modal-emulator-${instance}`;
}

/** Name of the engine's volume that holds a volume's files. */
export function engineVolumeName(instance: string, volumeId: string): string {
  return `modal-emulator-${instance}-${volumeId}`;
}
