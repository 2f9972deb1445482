/** Parhelia as a library: what the commands do, as typed functions (SPEC-01). */
export { ParheliaError, SystemError, UserError } from "./errors.ts";
export { loadConfig, type LoadedConfig } from "./config/load.ts";
export { createClaudeSandbox, type ClaudeSandbox } from "./sandbox/create-claude-sandbox.ts";
export {
  optionsFromConfig,
  DEFAULT_SECRETS,
  type ClaudeSandboxOptions,
} from "./sandbox/sandbox-options.ts";
export {
  runInSandbox,
  startCommand,
  type CommandResult,
  type CommandTerminal,
  type ExecOptions,
  type RunningCommand,
  type TerminalSize,
} from "./sandbox/exec.ts";
export { findProject, type ProjectSource } from "./sandbox/workspace/find-project.ts";
export { attachSession } from "./sandbox/attach-session.ts";
export { runOnTerminal, type TerminalCommand } from "./sandbox/terminal-command.ts";
export { UserTerminal } from "./sandbox/terminal.ts";
export { runClaude, type ClaudeTurn } from "./sandbox/run-claude.ts";
export { checkpointSession, type CheckpointOptions } from "./sandbox/checkpoint-session.ts";
export {
  listCheckpoints,
  type ListCheckpointsOptions,
  type SessionCheckpoints,
} from "./sandbox/list-checkpoints.ts";
export type { VerifiedCheckpoint } from "./sandbox/verify-checkpoints.ts";
export type { CheckpointResult } from "../container/protocol/checkpoint.ts";
export {
  forkSession,
  resumeSession,
  type GoOnOptions,
  type ResumedSession,
} from "./sandbox/go-on.ts";
export { stopSession, type StopOptions } from "./sandbox/stop-session.ts";
export { removeSession, type RemoveOptions } from "./sandbox/remove-session.ts";
export { listSessions, type RunningSession } from "./sandbox/list-sessions.ts";
export { drainPool, fillPool, listPool, type PreparedSandbox } from "./sandbox/pool.ts";
export { withConnection, requireSession } from "./sandbox/session.ts";
export { buildAndPublish, type ImageRequest } from "./sandbox/image.ts";
export { releaseImages, type Release, type ReleaseRequest } from "./sandbox/release-images.ts";
export { pruneImages, rollBackImages } from "./sandbox/image-tags.ts";
export { runBatchTask, type BatchPlace, type BatchRun } from "./sandbox/run-batch-task.ts";
export {
  deployBatch,
  refreshBatch,
  type BatchDeployment,
  type DeployedFunction,
  type RefreshedFunction,
} from "./sandbox/deploy-batch.ts";
export { connect, type Connection, type Target } from "./modal/connection.ts";
export { setSecret, listSecrets, removeSecret } from "./modal/secrets.ts";
export type { Phase } from "./sandbox/phases.ts";
