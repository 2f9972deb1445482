import { loadBatch } from "./load-batch.ts";
import { loadCheckpointing } from "./load-checkpointing.ts";
import { loadWorkspaces } from "./load-workspaces.ts";

/** The sandbox's own program (decision D4): one bundle, one sub-command a task. */
type Subcommand = (args: readonly string[]) => void | Promise<void>;

/**
 * Each is loaded when it runs: what only another needs, such as Node's networking, would cost init, which a
 * user waits for, a tenth of its time.
 */
const SUBCOMMANDS: Readonly<Record<string, () => Promise<Subcommand>>> = {
  init: async () => (await import("./init/init.ts")).init,
  claim: async () => (await import("./claim/claim.ts")).claim,
  forward: async () => (await import("./forward/forward.ts")).forward,
  "apply-sync": async () => (await import("./sync/apply-sync.ts")).applySync,
  "assemble-session": async () => (await import("./init/assemble-session.ts")).assembleSession,
  checkpoint: async () => (await loadCheckpointing()).checkpoint,
  checkpoints: async () => (await loadCheckpointing()).checkpoints,
  unpack: async () => (await loadCheckpointing()).unpack,
  "receive-workspace": async () => (await loadWorkspaces()).receiveWorkspace,
  "send-workspace": async () => (await loadWorkspaces()).sendWorkspace,
  "end-session": async () => (await loadCheckpointing()).endSession,
  "record-snapshot": async () => (await loadCheckpointing()).recordSnapshot,
  "remove-session": async () => (await loadCheckpointing()).removeSession,
  batch: async () => (await loadBatch()).batch,
};

async function main([name = "", ...args]: readonly string[]): Promise<void> {
  const load = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
  if (load === undefined) {
    const known = Object.keys(SUBCOMMANDS).join(", ");
    process.stderr.write(`parhelia-container: unknown sub-command '${name}'; one of ${known}\n`);
    process.exitCode = 2;
    return;
  }
  const run = await load();
  await run(args);
}

void main(process.argv.slice(2));
