import { CLAUDE_DIR, MCP_CONFIG_FILE, pathInVolume, PLUGINS_DIR } from "../../src/volume/layout.ts";

/** Where syncs write, from the volume's root. */
export const SYNCED_ROOTS = [CLAUDE_DIR, PLUGINS_DIR].map((root) => `${pathInVolume(root)}/`);

/** Files of a sync that people may edit on the volume. */
export const EDITABLE_FILES: readonly string[] = [pathInVolume(MCP_CONFIG_FILE)];

/** Whether a sync may write there: below a synced directory, and plainly spelled. */
export function isSyncedPath(path: string): boolean {
  return (
    SYNCED_ROOTS.some((root) => path.startsWith(root)) &&
    !path.includes("\0") &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}
