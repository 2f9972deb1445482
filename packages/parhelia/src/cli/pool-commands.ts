import { defineCommand, type AnyCommandSpec } from "./command.ts";
import { env, gpu, json, region, timeout } from "./command-options.ts";
import type { JsonOption, None, PoolFillArguments, PoolFillOptions } from "./command-types.ts";

/** Sandboxes that wait for a session. */
export const poolCommands: readonly AnyCommandSpec[] = [
  defineCommand<PoolFillArguments, PoolFillOptions>({
    name: "pool fill",
    summary:
      "keep so many prepared sandboxes ready, which up then claims; they cost while they wait",
    arguments: { count: { kind: "required", description: "how many are to wait" } },
    options: { gpu, region, timeout, env, json },
    examples: ["parhelia pool fill 1", "parhelia pool fill 1 --gpu A10G"],
    load: () => import("./commands/pool-fill.ts"),
  }),
  defineCommand<None, JsonOption>({
    name: "pool ls",
    summary: "list the prepared sandboxes, and what each costs an hour",
    arguments: {},
    options: { json },
    examples: ["parhelia pool ls"],
    load: () => import("./commands/pool-ls.ts"),
  }),
  defineCommand<None, JsonOption>({
    name: "pool drain",
    summary: "end the prepared sandboxes; sessions are not touched",
    arguments: {},
    options: { json },
    examples: ["parhelia pool drain"],
    load: () => import("./commands/pool-drain.ts"),
  }),
];
