import { defineCommand } from "./command.ts";
import type { AnyCommandSpec } from "./command.ts";
import { env, force, gpu, json, region, session, timeout, workspace } from "./command-options.ts";
import type {
  BatchArguments,
  DoctorArguments,
  ExecArguments,
  ExecOptions,
  JsonOption,
  LocalPruneOptions,
  LogsOptions,
  LsOptions,
  None,
  PullOptions,
  RunArguments,
  RunOptions,
  SecretNameArgument,
  SecretSetArguments,
  SessionArgument,
  SyncOptions,
  UpArguments,
  UpOptions,
} from "./command-types.ts";
import { imageCommands } from "./image-commands.ts";
import { lifeCommands } from "./life-commands.ts";
import { poolCommands } from "./pool-commands.ts";
import { volumeCommands } from "./volume-commands.ts";

const secretName = { kind: "required", description: "name of the secret" } as const;

/** What each group of commands is about, for help. */
export const groupSummaries: Readonly<Record<string, string>> = {
  pool: "sandboxes that wait for a session, so that up is quick",
  image: "the images that sandboxes start from: build, release, roll back",
  volume: "what the volume holds, and what of it is kept",
  secret: "named secrets: environment variables that sandboxes get and nothing records",
  mcp: "the MCP servers of a session",
  config: "what is configured, and where",
  local: "the Modal emulator on this machine",
};

/** Every command, in the order of `parhelia --help`. */
export const commands: readonly AnyCommandSpec[] = [
  defineCommand<None, None>({
    name: "init",
    summary: "write a commented parhelia.toml here",
    arguments: {},
    options: {},
    examples: ["parhelia init"],
    load: () => import("./commands/init.ts"),
  }),
  defineCommand<DoctorArguments, JsonOption>({
    name: "doctor",
    summary: "check everything that the target needs, or compare a session's Claude with yours",
    arguments: {
      name: {
        kind: "optional",
        description: "name of a session whose Claude Code is compared with the one on this machine",
      },
    },
    options: { json },
    examples: ["parhelia doctor", "parhelia doctor --target modal --json", "parhelia doctor work"],
    load: () => import("./commands/doctor.ts"),
  }),
  defineCommand<UpArguments, UpOptions>({
    name: "up",
    summary: "start a session and return when it is ready",
    arguments: {
      name: { kind: "optional", description: "name of the session; one is made up when left out" },
    },
    options: {
      gpu,
      region,
      timeout,
      ...workspace,
      env,
      new: {
        kind: "flag",
        description:
          "start afresh, although the name has a checkpoint that could be resumed; a project's tree of before is put aside",
      },
      force,
      timing: { kind: "flag", description: "show where each millisecond went" },
      json,
    },
    examples: [
      "parhelia up work",
      "parhelia up work --timeout 2h --env LANG=C.UTF-8 --json",
      "parhelia up work --repo https://github.com/owner/project",
      "parhelia up one-more --force",
    ],
    load: () => import("./commands/up.ts"),
  }),
  defineCommand<RunArguments, RunOptions>({
    name: "run",
    summary: "give Claude Code one prompt, headless, and stream its answer",
    arguments: {
      name: { kind: "optional", description: "name of the session; a new name starts a session" },
      prompt: { kind: "required", description: "what Claude is asked to do" },
      claudeArguments: {
        kind: "rest",
        atLeastOne: false,
        placeholder: "claude-arguments",
        description: "passed to claude as they are",
      },
    },
    options: {
      continue: {
        kind: "flag",
        short: "c",
        description: "go on with the newest conversation of the session",
      },
      timeout,
      ...workspace,
      env,
      force,
      json: { kind: "flag", description: "print Claude's messages as JSON, one a line" },
    },
    examples: [
      'parhelia run work "fix the failing test"',
      'parhelia run work --continue "and now the other one"',
      'parhelia run "what is in this folder?" -- --model sonnet',
    ],
    load: () => import("./commands/run.ts"),
  }),
  defineCommand<ExecArguments, ExecOptions>({
    name: "exec",
    summary: "run a command in a session and end with its exit status",
    arguments: {
      name: session,
      command: {
        kind: "rest",
        atLeastOne: true,
        description: "the command and its arguments, as they are",
      },
    },
    options: {
      root: { kind: "flag", description: "run as root, not as user parhelia" },
      tty: { kind: "flag", short: "t", description: "give the command a terminal" },
      env,
      cwd: {
        kind: "value",
        placeholder: "DIRECTORY",
        description: "absolute directory in the sandbox to run in",
      },
    },
    examples: ["parhelia exec work -- claude --version", "parhelia exec work --tty -- bash"],
    load: () => import("./commands/exec.ts"),
  }),
  defineCommand<SessionArgument, None>({
    name: "attach",
    summary: "show a session's tmux session in this terminal; detach with Ctrl-B d",
    arguments: { name: session },
    options: {},
    examples: ["parhelia attach work"],
    load: () => import("./commands/attach.ts"),
  }),
  defineCommand<None, LsOptions>({
    name: "ls",
    summary:
      "list the running sessions: how long they have run and been idle, and what they cost so far",
    arguments: {},
    options: {
      orphans: { kind: "flag", description: "only what runs although its time is over" },
      json,
    },
    examples: ["parhelia ls", "parhelia ls --orphans"],
    load: () => import("./commands/ls.ts"),
  }),
  defineCommand<SessionArgument, LogsOptions>({
    name: "logs",
    summary: "print what a session's sandbox printed",
    arguments: { name: session },
    options: {
      follow: { kind: "flag", short: "f", description: "keep printing until the sandbox ends" },
    },
    examples: ["parhelia logs work --follow"],
    load: () => import("./commands/logs.ts"),
  }),
  defineCommand<SessionArgument, PullOptions>({
    name: "pull",
    summary: "bring a session's commits back as a branch, and the rest of its work as a stash",
    arguments: { name: session },
    options: {
      apply: {
        kind: "flag",
        description: "put uncommitted work into your working tree, where you changed nothing of it",
      },
      workspace: {
        kind: "value",
        placeholder: "DIRECTORY",
        description: "your repository; default: the current one, or where the session came from",
      },
      json,
    },
    examples: ["parhelia pull work", "parhelia pull work --apply"],
    load: () => import("./commands/pull.ts"),
  }),
  ...lifeCommands,
  defineCommand<None, SyncOptions>({
    name: "sync",
    summary: "send your Claude configuration, plugins and MCP servers to the volume",
    arguments: {},
    options: {
      dryRun: {
        kind: "flag",
        description: "only show what would be sent, and what would not work",
      },
      overwriteEdited: {
        kind: "flag",
        description: "also replace mcp_config.json where it was edited on the volume",
      },
      json,
    },
    examples: ["parhelia sync --dry-run", "parhelia sync"],
    load: () => import("./commands/sync.ts"),
  }),
  defineCommand<BatchArguments, JsonOption>({
    name: "batch",
    summary:
      "run a short task on the volume: health looks whether all is there that sessions need, plugin-sync clones plugins at their recorded commits, metrics collects numbers, prune removes old checkpoints",
    arguments: {
      task: {
        kind: "required",
        description: "name of the task: health, plugin-sync, metrics, prune",
      },
    },
    options: { json },
    examples: ["parhelia batch health", "parhelia batch plugin-sync --json"],
    load: () => import("./commands/batch.ts"),
  }),
  defineCommand<None, JsonOption>({
    name: "deploy",
    summary:
      "deploy the Function that runs batch tasks, with the image published now; without it they run in sandboxes",
    arguments: {},
    options: { json },
    examples: ["parhelia deploy", "parhelia deploy --target modal"],
    load: () => import("./commands/deploy.ts"),
  }),
  ...poolCommands,
  ...imageCommands,
  ...volumeCommands,
  defineCommand<SecretSetArguments, None>({
    name: "secret set",
    summary: "create or replace a secret; values come from a prompt or standard input",
    arguments: {
      name: secretName,
      keys: {
        kind: "variadic",
        atLeastOne: true,
        placeholder: "key",
        description: "environment variables to set",
      },
    },
    options: {},
    examples: [
      "parhelia secret set anthropic-api-key ANTHROPIC_API_KEY",
      "parhelia secret set github-token GITHUB_TOKEN < token.txt",
    ],
    load: () => import("./commands/secret-set.ts"),
  }),
  defineCommand<None, JsonOption>({
    name: "secret ls",
    summary: "list the secrets by name",
    arguments: {},
    options: { json },
    examples: ["parhelia secret ls"],
    load: () => import("./commands/secret-ls.ts"),
  }),
  defineCommand<SecretNameArgument, None>({
    name: "secret rm",
    summary: "remove a secret",
    arguments: { name: secretName },
    options: {},
    examples: ["parhelia secret rm github-token"],
    load: () => import("./commands/secret-rm.ts"),
  }),
  defineCommand<SessionArgument, JsonOption>({
    name: "mcp status",
    summary: "ask a session's MCP servers now: their states, tools and errors",
    arguments: { name: session },
    options: { json },
    examples: ["parhelia mcp status work", "parhelia mcp status work --json"],
    load: () => import("./commands/mcp-status.ts"),
  }),
  defineCommand<SessionArgument, JsonOption>({
    name: "metrics",
    summary: "print a session's metrics, in Prometheus' text format",
    arguments: { name: session },
    options: { json },
    examples: ["parhelia metrics work", "parhelia metrics work --json"],
    load: () => import("./commands/metrics.ts"),
  }),
  defineCommand<None, JsonOption>({
    name: "config show",
    summary: "print every value and where it came from",
    arguments: {},
    options: { json },
    examples: ["parhelia config show", "parhelia config show --json"],
    load: () => import("./commands/config-show.ts"),
  }),
  defineCommand<None, JsonOption>({
    name: "local status",
    summary: "show the emulator and what it holds",
    arguments: {},
    options: { json },
    examples: ["parhelia local status"],
    load: () => import("./commands/local-status.ts"),
  }),
  defineCommand<None, None>({
    name: "local stop",
    summary: "end the emulator and its sandboxes; volumes, secrets and images stay",
    arguments: {},
    options: {},
    examples: ["parhelia local stop"],
    load: () => import("./commands/local-stop.ts"),
  }),
  defineCommand<None, LocalPruneOptions>({
    name: "local prune",
    summary: "remove what the emulator made here and no running sandbox needs",
    arguments: {},
    options: {
      volumes: { kind: "flag", description: "also the volumes, with all that they hold" },
      secrets: { kind: "flag", description: "also the secrets" },
      yes: { kind: "flag", short: "y", description: "do not ask" },
    },
    examples: ["parhelia local prune", "parhelia local prune --volumes --secrets --yes"],
    load: () => import("./commands/local-prune.ts"),
  }),
  defineCommand<None, JsonOption>({
    name: "local serve",
    summary: "start the emulator and print the variables with which other Modal clients reach it",
    arguments: {},
    options: { json },
    examples: ['eval "$(parhelia local serve)"', "parhelia local serve --json"],
    load: () => import("./commands/local-serve.ts"),
  }),
];
