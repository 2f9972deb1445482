import { WORKSPACE_BUNDLE } from "./protocol/paths.ts";
import type * as Workspaces from "./workspace/main.ts";

/** What is about workspaces: a bundle of its own, beside the program's. */
export async function loadWorkspaces(): Promise<typeof Workspaces> {
  const { default: loaded } = (await import(WORKSPACE_BUNDLE)) as {
    readonly default: typeof Workspaces;
  };
  return loaded;
}
