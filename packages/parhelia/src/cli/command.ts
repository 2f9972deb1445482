import type { ConfigFlags, LoadedConfig } from "../config/load.ts";

/**
 * What a command gets besides its own arguments: where it runs, what the user configured, and where
 * results go. Everything that is not a result goes to standard error, with `logLine`.
 */
export interface CommandContext {
  /** Working directory of the user, absolute. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /**
   * Aborted by the first SIGINT or SIGTERM. A command that reads this takes on the duty to clean up
   * and return; a second signal ends the process at once. A command that never reads it is ended by
   * the first signal, as any program. The exit status after an abort is 130 (SIGINT) or 143
   * (SIGTERM), whatever the command then throws or returns.
   */
  readonly signal: AbortSignal;
  /**
   * Defaults, `parhelia.toml`, environment variables and flags, merged. The global flags `--config`
   * and `--target` are added here; a command passes its own (`{ region, timeout, env }`).
   *
   * @throws UserError that names every problem with its line.
   */
  loadConfig(flags?: ConfigFlags): Promise<LoadedConfig>;
  /** Writes one line of the result to standard output. */
  print(line: string): void;
  /** Writes a result as JSON, two spaces deep, to standard output. */
  printJson(value: unknown): void;
}

/**
 * What `src/cli/commands/<verb>.ts` exports as `run`. It returns the exit status: 0, or the inner
 * command's own for `exec` and `run`. Failures are thrown, as `UserError` or `SystemError`.
 */
export type RunCommand<Arguments, Options> = (
  context: CommandContext,
  args: Arguments,
  options: Options,
) => Promise<number>;

interface ArgumentBase {
  readonly description: string;
  /** How help names it, where the key is not clear enough. */
  readonly placeholder?: string;
}

/** Exactly one word. */
interface RequiredSpec extends ArgumentBase {
  readonly kind: "required";
}

/** A word that may be missing. It may stand before required ones: `run [NAME] PROMPT`. */
interface OptionalSpec extends ArgumentBase {
  readonly kind: "optional";
}

/** Several words; the last argument. */
interface ListSpec extends ArgumentBase {
  /** `variadic`: all words that are left; `rest`: everything after `--`, untouched. */
  readonly kind: "variadic" | "rest";
  readonly atLeastOne: boolean;
}

/** One positional argument. */
export type ArgumentSpec = RequiredSpec | OptionalSpec | ListSpec;

/** The one kind of argument that gives a value of type `T`. */
type ArgumentFor<T> = [T] extends [string]
  ? RequiredSpec
  : [T] extends [string | undefined]
    ? OptionalSpec
    : ListSpec;

interface OptionBase {
  readonly description: string;
  /** One letter, without the dash. */
  readonly short?: string;
}

/** `--flag`: a boolean. */
export interface FlagSpec extends OptionBase {
  readonly kind: "flag";
}

/** `--option VALUE`: a string, as typed. */
export interface ValueSpec extends OptionBase {
  readonly kind: "value";
  readonly placeholder: string;
}

/** `--option KEY=VALUE`, repeatable; `KEY` alone takes the value of the user's own environment. */
export interface PairsSpec extends OptionBase {
  readonly kind: "pairs";
}

export type OptionSpec = FlagSpec | ValueSpec | PairsSpec;

/** The one kind of option that gives a value of type `T`. */
type OptionFor<T> = [T] extends [boolean]
  ? FlagSpec
  : [T] extends [string | undefined]
    ? ValueSpec
    : PairsSpec;

/**
 * One row of the command table: all that help and parsing need, and where the implementation is. The
 * keys of `arguments` and `options` are those of the two types (`dryRun` is `--dry-run`); arguments
 * are positional in the order of their keys.
 */
export interface CommandSpec<Arguments = never, Options = never> {
  /** `up`, or `image build` for a command in a group. */
  readonly name: string;
  readonly summary: string;
  readonly arguments: { readonly [K in keyof Arguments]-?: ArgumentFor<Arguments[K]> };
  readonly options: { readonly [K in keyof Options]-?: OptionFor<Options[K]> };
  /** At least one line that works as it stands. */
  readonly examples: readonly [string, ...string[]];
  /** Imported when the command runs, and not before: start-up stays small. */
  readonly load: () => Promise<{ readonly run: RunCommand<Arguments, Options> }>;
}

/** A row whose types have served their purpose: main.ts parses, the row's own types hold the rest. */
export interface AnyCommandSpec {
  readonly name: string;
  readonly summary: string;
  readonly arguments: Readonly<Record<string, ArgumentSpec>>;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly string[];
  readonly load: () => Promise<{ readonly run: RunCommand<never, never> }>;
}

/** Checks a row against the types of its command. */
export function defineCommand<Arguments, Options>(
  spec: CommandSpec<Arguments, Options>,
): AnyCommandSpec {
  return spec;
}
