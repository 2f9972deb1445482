/**
 * What the host and the sandbox agree on besides the volume: fixed paths inside the sandbox
 * (docs/architecture.md, "Inside the sandbox"). Plain data, imported by both sides.
 */

/** The ready marker (SPEC-01.13 step 5): removed first, written last. */
export const READY_MARKER_FILE = "/tmp/ready";

/** The content of the ready marker. */
export const READY_MARKER_TEXT = "PARHELIA_READY";

/** The content of the marker of a prepared sandbox, which has no session yet. */
export const PREPARED_MARKER_TEXT = "PARHELIA_PREPARED";

/** What a sandbox runs: init, then supervision until INT or TERM. */
export const ENTRYPOINT = "/entrypoint.sh";

/** `parhelia-exec [--root] [--id ID] [--cwd DIR] -- CMD…`: a command in the session's environment. */
export const EXEC_PROGRAM = "/usr/local/bin/parhelia-exec";

/** Git's credential helper: answers with GITHUB_TOKEN of its environment. */
export const GIT_CREDENTIAL_PROGRAM = "/usr/local/bin/git-credential-parhelia";

/** `parhelia-terminal ID ROWS COLUMNS TYPE CMD…`: a command on a terminal of any size. */
export const TERMINAL_PROGRAM = "/usr/local/bin/parhelia-terminal";

/** `parhelia-attach`: the tmux session on the terminal that it is started on. */
export const ATTACH_PROGRAM = "/usr/local/bin/parhelia-attach";

/** `parhelia-container SUBCOMMAND …`: the bundled program, run by the image's Bun. */
export const CONTAINER_PROGRAM = "/usr/local/bin/parhelia-container";

/** Where the bundle of the in-sandbox program lies in the image. */
export const CONTAINER_BUNDLE = "/opt/parhelia/parhelia-container.js";

/** The part of it that writes, lists and restores checkpoints. */
export const CHECKPOINT_BUNDLE = "/opt/parhelia/parhelia-checkpoint.js";

/** The part of it that takes and gives working trees. */
export const WORKSPACE_BUNDLE = "/opt/parhelia/parhelia-workspace.js";

/** The part of it that runs batch tasks. */
export const BATCH_BUNDLE = "/opt/parhelia/parhelia-batch.js";

/** `parhelia-mcp-launcher`: the MCP launcher; `parhelia-mcp-launcher status`: prints an `McpReport` made now. */
export const MCP_LAUNCHER_PROGRAM = "/usr/local/bin/parhelia-mcp-launcher";

/** Where the bundle of the MCP launcher lies in the image. */
export const MCP_LAUNCHER_BUNDLE = "/opt/parhelia/parhelia-mcp-launcher.js";

/** `parhelia-metrics serve PORT` and `parhelia-metrics print [--json]`. */
export const METRICS_PROGRAM = "/usr/local/bin/parhelia-metrics";

/** Where the bundle of the metrics lies in the image. */
export const METRICS_BUNDLE = "/opt/parhelia/parhelia-metrics.js";

/** State of the running sandbox, owned by root. */
export const RUN_DIR = "/run/parhelia";

/** `export` lines every command of the session starts with; never a secret's value. */
export const SESSION_ENV_FILE = `${RUN_DIR}/session.env`;

/** `ID.pid`: the process group of the exec ID, for passing signals on. */
export const EXEC_DIR = `${RUN_DIR}/exec`;

/** The process of init once the sandbox is ready: HUP tells it that the volume has another configuration. */
export const INIT_PID_FILE = `${RUN_DIR}/init.pid`;

/** In a prepared sandbox, init's process, until somebody claims the sandbox by taking the file away. */
export const PREPARED_FILE = `${RUN_DIR}/prepared`;

/** What the session that claimed a prepared sandbox sets, as JSON; for root. */
export const CLAIM_FILE = `${RUN_DIR}/claim.json`;

/** How init went, as JSON (`InitRecord`), once the sandbox is ready. */
export const INIT_RECORD_FILE = `${RUN_DIR}/init.json`;

/** When something last happened in the session, as JSON (`Activity`), once init has looked. */
export const ACTIVITY_FILE = `${RUN_DIR}/activity.json`;

/** There once the session is saved and over: what is left of it stands still until the sandbox ends. */
export const SESSION_OVER_FILE = `${RUN_DIR}/over`;

/** What the MCP launcher found, as JSON (`McpReport`). */
export const MCP_REPORT_FILE = `${RUN_DIR}/mcp.json`;

/** Where the report really lies: in a directory of the launcher's user. */
export const MCP_REPORT_TARGET = `${RUN_DIR}/mcp/report.json`;

/** `CLAUDE_CONFIG_DIR`: the session's own Claude configuration (decision D7). */
export const SESSION_CLAUDE_DIR = "/var/lib/parhelia/claude";

/** What the checkpoints of this sandbox remember, for the next to be quick; owned by the sandbox's user. */
export const CHECKPOINT_MEMORY_DIR = "/var/lib/parhelia/checkpoint";

/** What the last checkpoint that this sandbox wrote printed, as JSON (`CheckpointResult`). */
export const LAST_CHECKPOINT_FILE = `${CHECKPOINT_MEMORY_DIR}/last.json`;

/** The tmux session of the sandbox (SPEC-01.AC7). */
export const TMUX_SESSION = "main";

/** The unprivileged user that runs Claude Code, tmux and the user's commands (decision D6). */
export const SANDBOX_USER = {
  name: "parhelia",
  uid: 1000,
  gid: 1000,
  home: "/home/parhelia",
} as const;

/** The Python environment of the user's own packages. */
export const PYTHON_VENV = "/opt/parhelia-venv";
