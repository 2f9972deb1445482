/** What the sandbox's program loads for workspaces. */
export { receiveWorkspace } from "./receive-workspace.ts";
export { sendWorkspace } from "./send-workspace.ts";
