import { Command, Option } from "commander";
import type { AnyCommandSpec, ArgumentSpec, CommandContext, OptionSpec } from "./command.ts";
import { bindArguments } from "./bind-arguments.ts";
import { readPairs } from "./read-pairs.ts";

/** The flags that every command takes. */
export interface GlobalFlags {
  readonly config: string | undefined;
  readonly target: string | undefined;
}

export interface ProgramOptions {
  readonly version: string;
  readonly commands: readonly AnyCommandSpec[];
  readonly groupSummaries: Readonly<Record<string, string>>;
  /** Made when a command runs, with the flags that were given. */
  readonly createContext: (flags: GlobalFlags) => CommandContext;
}

/**
 * Parses the arguments and runs the one command that they name.
 *
 * @param argv the arguments after the program's name.
 * @returns the exit status
 * @throws CommanderError for wrong usage, and after help or version were printed; UserError, and
 *   whatever the command throws.
 */
export async function runProgram(
  argv: readonly string[],
  options: ProgramOptions,
): Promise<number> {
  // What follows `--` is the user's, not ours: commander never sees it.
  const end = argv.indexOf("--");
  const own = end < 0 ? argv : argv.slice(0, end);
  const rest = end < 0 ? undefined : argv.slice(end + 1);
  let exitStatus = 0;
  const program = createProgram(options.version);
  const groups = new Map<string, Command>();
  for (const spec of options.commands) {
    const [first = "", second] = spec.name.split(" ");
    const parent = second === undefined ? program : group(program, groups, first, options);
    const command = addCommand(parent, second ?? first, spec);
    // A command can have others below it: `checkpoint`, `checkpoint ls`.
    if (second === undefined) groups.set(first, command);
    command.action(async () => {
      const context = options.createContext(program.opts<GlobalFlags>());
      const values = readOptions(spec, command.optsWithGlobals(), context.env);
      const args = bindArguments(spec, command.args, rest);
      const { run } = await spec.load();
      // The row was checked against the types of its command where it was defined.
      exitStatus = await run(context, args as never, values as never);
    });
  }
  await program.parseAsync(own.length === 0 ? ["--help"] : [...own], { from: "user" });
  return exitStatus;
}

function createProgram(version: string): Command {
  return quiet(new Command("parhelia"))
    .description("Your own Claude Code in a sandbox: on Modal, or on this machine.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .option("--config <file>", "configuration file; default: the nearest parhelia.toml upwards")
    .option("--target <target>", "where sandboxes run: local or modal")
    .usage("[options] <command>")
    .configureHelp({ subcommandTerm: termOf })
    .addHelpText(
      "after",
      examplesText(["parhelia up work", "parhelia exec work -- claude --version"]),
    );
}

function group(
  program: Command,
  groups: Map<string, Command>,
  name: string,
  options: ProgramOptions,
): Command {
  const existing = groups.get(name);
  if (existing !== undefined) return existing;
  const created = quiet(program.command(name))
    .description(options.groupSummaries[name] ?? "")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .usage("<command>");
  groups.set(name, created);
  return created;
}

function addCommand(parent: Command, name: string, spec: AnyCommandSpec): Command {
  const command = quiet(parent.command(name))
    .description(spec.summary)
    .helpOption("-h, --help", "print help")
    .configureHelp({ showGlobalOptions: true })
    .usage(usageText(spec))
    .addHelpText("after", examplesText(spec.examples))
    .allowExcessArguments();
  for (const [key, argument] of Object.entries(spec.arguments)) {
    // Optional to commander: `bindArguments` checks them, since an optional one may stand first.
    command.argument(`[${placeholderOf(key, argument)}]`, argument.description);
  }
  for (const [key, option] of Object.entries(spec.options))
    command.addOption(toOption(key, option));
  return command;
}

/** A command in the list of its parent: with its arguments, or with the commands of its group. */
function termOf(command: Command): string {
  const own = command
    .usage()
    .replace(/^\[options\]|^<command>$/, "")
    .trim();
  const words = [own, ...command.commands.map((inner) => inner.name())].filter(Boolean);
  return `${command.name()} ${words.join("|")}`.trimEnd();
}

/** Errors are thrown, not printed: `print-error.ts` prints them. */
function quiet(command: Command): Command {
  return command.exitOverride().configureOutput({ outputError: () => undefined });
}

function toOption(key: string, spec: OptionSpec): Option {
  const long = `--${kebab(key)}`;
  const flags = spec.short === undefined ? long : `-${spec.short}, ${long}`;
  switch (spec.kind) {
    case "flag":
      return new Option(flags, spec.description);
    case "value":
      return new Option(`${flags} <${spec.placeholder}>`, spec.description);
    case "pairs":
      return new Option(`${flags} <KEY=VALUE>`, spec.description).argParser(
        (pair: string, before: readonly string[] | undefined) => [...(before ?? []), pair],
      );
  }
}

/** Every option has its value, given or not: false, undefined, or no pairs. */
function readOptions(
  spec: AnyCommandSpec,
  given: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): Record<string, unknown> {
  const entries = Object.entries(spec.options).map(([key, option]) => {
    if (option.kind === "flag") return [key, isGiven(key, given)] as const;
    if (option.kind === "value") {
      // False stands for the `--no-` of it.
      return [key, given[key] === false ? undefined : given[key]] as const;
    }
    return [
      key,
      readPairs(`--${kebab(key)}`, (given[key] ?? []) as readonly string[], env),
    ] as const;
  });
  return Object.fromEntries(entries);
}

/** `--no-workspace` comes from commander as a `workspace` that is false. */
function isGiven(key: string, given: Readonly<Record<string, unknown>>): boolean {
  const negated = /^no([A-Z].*)$/.exec(key)?.[1];
  if (negated === undefined) return given[key] === true;
  return given[`${negated.charAt(0).toLowerCase()}${negated.slice(1)}`] === false;
}

function usageText(spec: AnyCommandSpec): string {
  const words = Object.entries(spec.arguments).map(([key, argument]) => {
    const name = placeholderOf(key, argument);
    switch (argument.kind) {
      case "required":
        return `<${name}>`;
      case "optional":
        return `[${name}]`;
      case "variadic":
        return `<${name}...>`;
      case "rest":
        return argument.atLeastOne ? `-- <${name}...>` : `[-- <${name}...>]`;
    }
  });
  return ["[options]", ...words].join(" ");
}

function placeholderOf(key: string, spec: ArgumentSpec): string {
  return spec.placeholder ?? kebab(key);
}

function examplesText(examples: readonly string[]): string {
  return ["", "Examples:", ...examples.map((line) => `  ${line}`)].join("\n");
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
