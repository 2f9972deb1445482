/** `node receive-sync.ts DIRECTORY`: what the sandbox does with a sync, for a directory instead of the volume. */
import { receiveSync } from "../../packages/parhelia/container/sync/apply-sync.ts";

const [volume = "."] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await receiveSync(volume, process.stdin)));
