/** What the sandbox's program loads for checkpoints. */
export { checkpoint } from "./checkpoint.ts";
export { checkpoints } from "./checkpoints.ts";
export { unpack } from "./unpack.ts";
export { restoreFirst } from "./restore-first.ts";
