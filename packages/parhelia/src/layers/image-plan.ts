/** An image as Dockerfile commands: what `modal/` hands to the SDK, one `dockerfileCommands` call a layer. */
export interface ImagePlan {
  /** The registry image that layer 1 starts from. */
  readonly base: string;
  /** Stable layers first, so that a change low down is rare (SPEC-01.15 (1)). */
  readonly layers: readonly ImageLayer[];
}

/** Commands that are built and cached together. */
export interface ImageLayer {
  /** For progress lines and for rebuilding from this layer on, e.g. `claude-code`. */
  readonly name: string;
  /** Dockerfile commands, none of which reads a local file (`COPY`, `ADD`). */
  readonly commands: readonly string[];
}

/** The platforms that the image is built for. */
export type ImagePlatform = "linux-x64" | "linux-arm64";

/** A native binary at an exact version, as `parhelia.lock` pins it (decision D5). */
export interface PinnedBinary {
  /** Exact version, e.g. `2.1.330`. */
  readonly version: string;
  readonly platforms: Readonly<Record<ImagePlatform, PinnedTarball>>;
}

/** One platform's npm package of a pinned binary. */
export interface PinnedTarball {
  /** SHA-512 of the tarball in SRI form, `sha512-BASE64`. */
  readonly integrity: string;
  readonly tarballUrl: string;
}

/** What of `parhelia.lock` the image needs. */
export interface ImageLock {
  readonly claudeCode: PinnedBinary;
  readonly bun: PinnedBinary;
}
