/** What the sandbox's program loads for batch tasks. */
export { batch } from "./batch.ts";
