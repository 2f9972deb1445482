/** What the sandbox's program loads for checkpoints. */
export { checkpoint } from "./checkpoint.ts";
export { checkpoints } from "./checkpoints.ts";
export { unpack } from "./unpack.ts";
export { restoreFirst } from "./restore-first.ts";
export { endSession } from "../life/end-session.ts";
export { recordSnapshot } from "../life/record-snapshot.ts";
export { removeSession } from "../life/remove-session.ts";
export { beginLife } from "../life/session-life.ts";
