/**
 * `node write-checkpoint.ts DIRECTORY`: a process of its own that writes a checkpoint of `DIRECTORY/tree` to
 * `DIRECTORY/volume`, for being killed meanwhile.
 */
import { join } from "node:path";
import { checkpointPlaces } from "../../packages/parhelia/container/checkpoint/places.ts";
import { writeCheckpoint } from "../../packages/parhelia/container/checkpoint/write-checkpoint.ts";

const [root = ""] = process.argv.slice(2);

const { id } = writeCheckpoint({
  places: checkpointPlaces(join(root, "volume"), "killed"),
  reason: "timer",
  workspace: join(root, "tree"),
  claudeDirectory: join(root, "claude"),
  knownFiles: join(root, "memory/known-files.json"),
  windows: [],
  environment: [],
  sandbox: null,
  claudeCodeVersion: () => null,
});
process.stdout.write(id);
