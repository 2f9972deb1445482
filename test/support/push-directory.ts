/**
 * `node push-directory.ts DIRECTORY PREFIX`: syncs a directory to the volume of the emulator that the
 * environment leads to, in a process that a test can kill. Prints the result as JSON.
 */
import { connect } from "../../packages/parhelia/src/modal/connection.ts";
import { pushTree } from "../../packages/parhelia/src/sandbox/sync-volume.ts";
import { treeFromDirectory } from "./tree-from-directory.ts";

const [directory = ".", prefix = "config/claude"] = process.argv.slice(2);
const tree = treeFromDirectory(directory, prefix);
const connection = await connect({ target: "local" });
try {
  process.stdout.write("collected\n");
  const startMs = performance.now();
  const { client, appName } = connection;
  const place = async () => {
    const [app, image] = await Promise.all([
      client.apps.fromName(appName, { createIfMissing: true }),
      client.images.fromName("parhelia-cpu"),
    ]);
    return { app, image };
  };
  const result = await pushTree(connection, tree, { place });
  const durationMs = Math.round(performance.now() - startMs);
  process.stdout.write(`${JSON.stringify({ ...result, durationMs })}\n`);
} finally {
  connection.close();
}
