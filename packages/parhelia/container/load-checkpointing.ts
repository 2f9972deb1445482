import type * as Checkpointing from "./checkpoint/main.ts";
import { CHECKPOINT_BUNDLE } from "./protocol/paths.ts";

/** What is about checkpoints: a bundle of its own, beside the program's. */
export async function loadCheckpointing(): Promise<typeof Checkpointing> {
  const { default: loaded } = (await import(CHECKPOINT_BUNDLE)) as {
    readonly default: typeof Checkpointing;
  };
  return loaded;
}
