import { mkdirSync } from "node:fs";
import { WORKSPACES_DIR } from "../../src/volume/layout.ts";
import { writeLog } from "../log.ts";
import { checkpointId } from "../protocol/checkpoint.ts";
import { SANDBOX_USER } from "../protocol/paths.ts";
import { expectProject } from "../workspace/incomplete-tree.ts";
import { putAside } from "../workspace/put-aside.ts";
import { asUser } from "./as-user.ts";
import type { Environment } from "./session-environment.ts";

/**
 * Makes the directory that the session works in (`PARHELIA_WORKSPACE`) when it is missing. A project that comes to
 * it (`PARHELIA_PROJECT`) is expected from here on; for a session that begins anew (`PARHELIA_NEW`) the tree that
 * one of the same name left is put aside.
 * @returns its path
 */
export function prepareWorkspace(environment: Environment): string {
  const { PARHELIA_PROJECT, PARHELIA_RESTORE, PARHELIA_NEW } = environment;
  const workspace = environment.PARHELIA_WORKSPACE ?? WORKSPACES_DIR;
  const comes = PARHELIA_PROJECT !== undefined && PARHELIA_RESTORE === undefined;
  // As the user: root would follow links that a session left in the user's own directories.
  asUser(SANDBOX_USER, () => {
    const aside =
      comes && PARHELIA_NEW === "1" ? putAside(workspace, checkpointId(new Date())) : null;
    if (aside !== null) writeLog(`parhelia-init moved the tree of before to ${aside}`);
    mkdirSync(workspace, { recursive: true });
    if (comes) expectProject(workspace);
  });
  return workspace;
}
