import { defineCommand, type AnyCommandSpec } from "./command.ts";
import type { JsonOption, None, VolumePruneOptions } from "./command-types.ts";
import { json } from "./command-options.ts";

/** What is done with the volume as a whole. */
export const volumeCommands: readonly AnyCommandSpec[] = [
  defineCommand<None, JsonOption>({
    name: "volume usage",
    summary: "what the volume holds, by session, project and kind, and how fast it grows",
    arguments: {},
    options: { json },
    examples: ["parhelia volume usage"],
    load: () => import("./commands/volume-usage.ts"),
  }),
  defineCommand<None, VolumePruneOptions>({
    name: "volume prune",
    summary: "remove the checkpoints and workspaces that [retention] does not keep",
    arguments: {},
    options: {
      dryRun: { kind: "flag", description: "only show what would be removed" },
      json,
    },
    examples: ["parhelia volume prune --dry-run", "parhelia volume prune"],
    load: () => import("./commands/volume-prune.ts"),
  }),
];
