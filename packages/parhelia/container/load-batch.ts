import { BATCH_BUNDLE } from "./protocol/paths.ts";
import type * as Batch from "./batch/main.ts";

/** The batch tasks: a bundle of their own, beside the program's. */
export async function loadBatch(): Promise<typeof Batch> {
  const { default: loaded } = (await import(BATCH_BUNDLE)) as { readonly default: typeof Batch };
  return loaded;
}
