/** A setting of `parhelia.toml` that an environment variable overrides, and how its text is read. */
export interface SettingVariable {
  readonly name: string;
  /** Dotted key in `parhelia.toml`. */
  readonly key: string;
  /** `list` splits at commas. */
  readonly reads: "text" | "number" | "list";
}

/** The environment variables that override settings, in the order of the documentation. */
export const settingVariables: readonly SettingVariable[] = [
  { name: "PARHELIA_TARGET", key: "target", reads: "text" },
  { name: "PARHELIA_APP", key: "modal.app", reads: "text" },
  { name: "PARHELIA_ENVIRONMENT", key: "modal.environment", reads: "text" },
  { name: "PARHELIA_REGION", key: "modal.region", reads: "list" },
  { name: "PARHELIA_CPU", key: "sandbox.cpu", reads: "number" },
  { name: "PARHELIA_MEMORY_MIB", key: "sandbox.memory_mib", reads: "number" },
  { name: "PARHELIA_TIMEOUT", key: "sandbox.timeout", reads: "text" },
  { name: "PARHELIA_VOLUME", key: "volume.name", reads: "text" },
  { name: "PARHELIA_MAX_SANDBOXES", key: "limits.max_sandboxes", reads: "number" },
];

/** An environment variable that Parhelia or something below it reads, and that is no setting. */
export interface OtherVariable {
  readonly name: string;
  readonly description: string;
}

/** Every other environment variable that changes what Parhelia does on the user's machine. */
export const otherVariables: readonly OtherVariable[] = [
  {
    name: "PARHELIA_CONFIG",
    description: "Path of the configuration file, as `--config` gives it.",
  },
  {
    name: "PARHELIA_LOCAL_VOLUMES",
    description:
      "Target `local`: `committed` lets others see what a sandbox wrote after a commit and their reload, as on Modal; `direct` at once.",
  },
  {
    name: "PARHELIA_DEBUG",
    description: "`1` prints the stack of an error as well.",
  },
  {
    name: "NO_COLOR",
    description: "Any value turns colours off.",
  },
  {
    name: "XDG_STATE_HOME",
    description: "The emulator keeps its state in `parhelia/local` below it (`~/.local/state`).",
  },
  {
    name: "DOCKER_HOST",
    description: "Address of the container engine for target `local`.",
  },
  {
    name: "MODAL_TOKEN_ID",
    description: "Modal credentials for target `modal`, together with `MODAL_TOKEN_SECRET`.",
  },
  {
    name: "MODAL_TOKEN_SECRET",
    description: "See `MODAL_TOKEN_ID`. Without the two, the profile in `~/.modal.toml` is used.",
  },
  {
    name: "MODAL_PROFILE",
    description: "Which profile of `~/.modal.toml` is used.",
  },
  {
    name: "CLAUDE_CONFIG_DIR",
    description:
      "Your own Claude Code configuration, which `parhelia doctor` checks and `parhelia sync` sends (`~/.claude`).",
  },
  {
    name: "MCP_TIMEOUT",
    description:
      "How many ms `parhelia doctor NAME` waits for MCP servers, here and there (10000).",
  },
  {
    name: "CLAUDE_CODE_PLUGIN_CACHE_DIR",
    description: "Your plugins and marketplaces, where they are not in `plugins` below it.",
  },
  {
    name: "XDG_CACHE_HOME",
    description:
      "`parhelia sync` keeps hashes of your files in `parhelia/sync` below it (`~/.cache`).",
  },
];
