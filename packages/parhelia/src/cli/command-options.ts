import type { FlagSpec, PairsSpec, ValueSpec } from "./command.ts";

/** Arguments and options that several commands have, with one description. */

export const json: FlagSpec = { kind: "flag", description: "print the result as JSON" };

export const env: PairsSpec = {
  kind: "pairs",
  short: "e",
  description:
    "set an environment variable; repeatable; KEY alone takes its value from your own environment",
};

export const timeout: ValueSpec = {
  kind: "value",
  placeholder: "DURATION",
  description: "how long the sandbox may live, such as 90m or 24h (at most 24h)",
};

export const gpu: ValueSpec = {
  kind: "value",
  placeholder: "TYPE[:COUNT]",
  description: "start the gpu variant with this GPU, such as A10G or A100",
};

export const region: ValueSpec = {
  kind: "value",
  placeholder: "REGION",
  description: "Modal region, such as us-east; unset is the cheapest",
};

export const at: ValueSpec = {
  kind: "value",
  placeholder: "TIME",
  description: 'the newest checkpoint that is not younger: an id, an ISO time, or "10m ago"',
};

export const force: FlagSpec = {
  kind: "flag",
  description: "start it also above [limits] max_sandboxes",
};

export const session = {
  kind: "required",
  description: "name of the session (parhelia ls lists them)",
} as const;

/** Which project a new session works on. */
export const workspace = {
  workspace: {
    kind: "value",
    placeholder: "DIRECTORY",
    description: "bring the Git repository of this directory; default: that of the current one",
  },
  noWorkspace: { kind: "flag", description: "bring no repository" },
  repo: {
    kind: "value",
    placeholder: "URL[#REF]",
    description: "clone this repository in the sandbox instead",
  },
} as const;
