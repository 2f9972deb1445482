import { createHash } from "node:crypto";
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkpointId } from "../../packages/parhelia/container/protocol/checkpoint.ts";

/** A file that a made-up checkpoint holds, whose content nobody reads. */
export const MADE_UP_WORKSPACE = "w".repeat(500);

/**
 * Writes a whole checkpoint of so long ago below the root of a volume, and lets `latest` lead to it.
 * @param options `shared`: id of another one of the session, whose workspace it has under a second name
 * @returns its id
 */
export function makeUpCheckpoint(
  root: string,
  session: string,
  agoMs: number,
  options: { readonly shared?: string } = {},
): string {
  const id = checkpointId(new Date(Date.now() - agoMs));
  const directory = join(root, "checkpoints", session);
  const at = (file: string, checkpoint = id) => join(directory, "history", checkpoint, file);
  const conversation = `{"conversations":"of ${id}"}`;
  mkdirSync(at("."), { recursive: true });
  writeFileSync(at("conversation.json"), conversation);
  if (options.shared === undefined) writeFileSync(at("workspace.tar.gz"), MADE_UP_WORKSPACE);
  else linkSync(at("workspace.tar.gz", options.shared), at("workspace.tar.gz"));
  const files = {
    "conversation.json": described(conversation),
    "workspace.tar.gz": described(MADE_UP_WORKSPACE),
  };
  writeFileSync(at("state.json"), JSON.stringify({ version: 1, session, id, files }));
  rmSync(join(directory, "latest"), { force: true });
  symlinkSync(`history/${id}`, join(directory, "latest"));
  return id;
}

function described(content: string) {
  const digest = createHash("sha512-256").update(content).digest("hex");
  return { bytes: content.length, digest };
}
