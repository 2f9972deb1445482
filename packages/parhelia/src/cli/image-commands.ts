import { defineCommand } from "./command.ts";
import type { AnyCommandSpec } from "./command.ts";
import { json } from "./command-options.ts";
import type {
  ImageBuildOptions,
  ImagePruneOptions,
  ImageReleaseOptions,
  ImageTagArgument,
  JsonOption,
  None,
} from "./command-types.ts";

/** The commands of `parhelia image`. */
export const imageCommands: readonly AnyCommandSpec[] = [
  defineCommand<None, ImageBuildOptions>({
    name: "image build",
    summary: "build and publish the image parhelia-cpu, or parhelia-gpu",
    arguments: {},
    options: {
      gpu: { kind: "flag", description: "build parhelia-gpu, with the CUDA layer" },
      force: { kind: "flag", description: "build again from the Claude Code layer upwards" },
      json,
    },
    examples: ["parhelia image build", "parhelia image build --gpu"],
    load: () => import("./commands/image-build.ts"),
  }),
  defineCommand<None, JsonOption>({
    name: "image ls",
    summary: "list the published images",
    arguments: {},
    options: { json },
    examples: ["parhelia image ls"],
    load: () => import("./commands/image-ls.ts"),
  }),
  defineCommand<None, ImageReleaseOptions>({
    name: "image release",
    summary:
      "both images with the newest Claude Code and Bun: build, verify, publish as weekly-YYYYMMDD and latest",
    arguments: {},
    options: {
      force: { kind: "flag", description: "build again from the Claude Code layer upwards" },
      json,
    },
    examples: ["parhelia image release", "parhelia image release --target modal --json"],
    load: () => import("./commands/image-release.ts"),
  }),
  defineCommand<ImageTagArgument, JsonOption>({
    name: "image rollback",
    summary: "make an earlier release the image that the next sandboxes start from",
    arguments: {
      tag: {
        kind: "required",
        description:
          "a release, as image ls shows it: weekly-YYYYMMDD, with or without its variant",
      },
    },
    options: { json },
    examples: [
      "parhelia image rollback weekly-20261122",
      "parhelia image rollback parhelia-cpu:weekly-20261122",
    ],
    load: () => import("./commands/image-rollback.ts"),
  }),
  defineCommand<None, ImagePruneOptions>({
    name: "image prune",
    summary: "delete the images of old releases; latest always stays",
    arguments: {},
    options: {
      keep: {
        kind: "value",
        placeholder: "NUMBER",
        description: "how many releases of each variant stay (default: 4)",
      },
      dryRun: { kind: "flag", description: "only show what would be deleted" },
      json,
    },
    examples: ["parhelia image prune --dry-run", "parhelia image prune --keep 2"],
    load: () => import("./commands/image-prune.ts"),
  }),
];
