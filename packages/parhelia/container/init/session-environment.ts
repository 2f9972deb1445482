import { CLAIM_BY_VARIABLE } from "../protocol/claim.ts";
import { PYTHON_VENV, SANDBOX_USER, SESSION_CLAUDE_DIR } from "../protocol/paths.ts";
import { WORKSPACES_DIR } from "../../src/volume/layout.ts";

/** Variables by name. */
export type Environment = Readonly<Record<string, string>>;

/** The environment that the session's commands run in. */
export interface SessionEnvironment {
  /** All of it, the sandbox's secrets included: for processes, never for a file or the log. */
  readonly variables: Environment;
  /** `session.env`: what a command's own environment lacks. Holds no variable that the sandbox was made with. */
  readonly file: string;
  /** Names of the variables that the sandbox, `remote.env` or Parhelia sets for good: all but the defaults. */
  readonly overriding: ReadonlySet<string>;
}

/** Who the session is. The runtime sets these for root, so root's values count as not given. */
const IDENTITY: Readonly<
  Record<string, { readonly default: string; readonly ofRoot: readonly string[] }>
> = {
  HOME: { default: SANDBOX_USER.home, ofRoot: ["/root", "/"] },
  USER: { default: SANDBOX_USER.name, ofRoot: ["root"] },
  LOGNAME: { default: SANDBOX_USER.name, ofRoot: ["root"] },
  SHELL: { default: "/bin/bash", ofRoot: ["/bin/sh", "/bin/bash"] },
};

/**
 * How Claude Code behaves in a sandbox. Not among them: CLAUDE_CODE_SUBPROCESS_ENV_SCRUB, with which it
 * does not start without bubblewrap, nor runs a command where user namespaces are not allowed, as in a
 * container (2.1.330).
 */
const DEFAULTS: Environment = {
  LANG: "C.UTF-8",
  CLAUDE_CONFIG_DIR: SESSION_CLAUDE_DIR,
  // The version of the image is the version that runs (decision D5).
  DISABLE_UPDATES: "1",
  CLAUDE_CODE_TMUX_TRUECOLOR: "1",
  // Every directory of the sandbox is trusted: it is what the sandbox is for.
  CLAUDE_CODE_SANDBOXED: "1",
  PARHELIA_WORKSPACE: WORKSPACES_DIR,
};

const STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What shells on the way to init left behind. */
const SHELL_LEFTOVERS = new Set(["_", "PWD", "OLDPWD", "SHLVL"]);

/**
 * The session's environment: a variable given to the sandbox comes before one of `remote.env`, and that
 * before the default. PATH cannot be told from the runtime's own, so the session's directories come
 * before the given ones, unless `remote.env` sets it.
 * @param claimed what of `given` the sandbox was not made with: its commands lack it
 */
export function sessionEnvironment(
  given: NodeJS.ProcessEnv,
  remote: ReadonlyMap<string, string>,
  claimed: Environment = {},
): SessionEnvironment {
  const variables: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    if (value !== undefined && !SHELL_LEFTOVERS.has(key)) variables[key] = value;
  }
  // A session's commands see a prepared sandbox as one that was made for it.
  const lines = Object.keys(claimed).length === 0 ? [] : [`unset ${CLAIM_BY_VARIABLE}`];
  const set = (key: string, value: string) => {
    variables[key] = value;
    lines.push(`export ${key}=${quote(value)}`);
  };
  for (const [key, identity] of Object.entries(IDENTITY)) {
    const value = given[key];
    if (value === undefined || identity.ofRoot.includes(value))
      set(key, remote.get(key) ?? identity.default);
  }
  set("PATH", remote.get("PATH") ?? sessionPath(given.PATH, variables.HOME));
  const defaults = { ...DEFAULTS, ...Object.fromEntries(remote), ...claimed };
  for (const [key, value] of Object.entries(defaults)) {
    if (key in IDENTITY || key === "PATH") continue;
    variables[key] ??= value;
    // A command may be given a variable of its own, e.g. by `exec`: that one stays.
    lines.push(`test "\${${key}+given}" || export ${key}=${quote(value)}`);
  }
  const overriding = Object.keys(variables).filter(
    (key) => given[key] !== undefined || remote.has(key) || !(key in DEFAULTS),
  );
  return { variables, file: `${lines.join("\n")}\n`, overriding: new Set(overriding) };
}

function sessionPath(given: string | undefined, home: string | undefined): string {
  return [
    `${home ?? SANDBOX_USER.home}/.local/bin`,
    `${PYTHON_VENV}/bin`,
    given ?? STANDARD_PATH,
  ].join(":");
}

/** One word for a POSIX shell. */
function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
