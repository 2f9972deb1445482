/** A variable of `remote.env` (SPEC-01 "Remote Environment Config") and what comes of it. */
export interface RemoteVariable {
  readonly name: string;
  readonly description: string;
}

/** Every variable that the specification's `remote.env` has, in its order. */
export const remoteVariables: readonly RemoteVariable[] = [
  {
    name: "PARHELIA_VOLUME_ROOT",
    description:
      "Where the volume is: for your own commands. Parhelia itself keeps to `/vol/parhelia`.",
  },
  {
    name: "PARHELIA_CHECKPOINT_DIR",
    description: "Where checkpoints are: for your own commands, as above.",
  },
  {
    name: "PARHELIA_WORKSPACE_DIR",
    description: "Where working trees are: for your own commands, as above.",
  },
  {
    name: "CLAUDE_CODE_HEADLESS",
    description:
      "Ignored by Claude Code 2.1.330, which has no such variable; `parhelia run` starts it headless (`claude -p`).",
  },
  {
    name: "CLAUDE_CODE_NO_BROWSER",
    description:
      "Ignored by Claude Code 2.1.330, which has no such variable; a sandbox has no browser that it could open.",
  },
  { name: "PARHELIA_METRICS_ENABLED", description: "Whether the sandbox's metrics are served." },
  { name: "PARHELIA_METRICS_PORT", description: "The port that they are served on." },
];
