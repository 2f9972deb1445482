import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { Rewrite, SyncVerdict } from "../sync-tree.ts";
import type { ImagePrograms, ProgramState } from "./image-programs.ts";
import { expandPath } from "./path-map.ts";
import type { PathMap } from "./path-map.ts";
import type { ProgramFile, Reference, References } from "./references.ts";
import { innerScript, splitCommand, wordsOf } from "./shell-command.ts";
import type { Word } from "./shell-command.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** One thing to know about an item. */
export interface Finding {
  readonly verdict: SyncVerdict;
  readonly note: string;
}

/** A command as the sandbox gets it, and what to know about it. */
export interface ReadCommand {
  readonly text: string;
  readonly rewrites: readonly Rewrite[];
  readonly findings: readonly Finding[];
}

/** The same for a program with its arguments. */
export interface ReadProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly rewrites: readonly Rewrite[];
  readonly findings: readonly Finding[];
}

interface Interpreter {
  readonly from: string;
  readonly to: string;
}

/** Directories of programs that the image has too. */
const IMAGE_PROGRAM = /^\/(usr\/)?s?bin\/[^/]+$/;

/** Nested scripts are read this deep: `bash -c "bash -c …"`. */
const MAX_NESTING = 3;

/**
 * Reads commands of hooks, status lines, helpers and MCP servers: brings the files that they name, finds
 * the programs that the image lacks, and exchanges the paths.
 */
export class CommandReader {
  readonly #user: UserConfiguration;
  readonly #paths: PathMap;
  readonly #programs: ImagePrograms;
  readonly #references: References;

  constructor(parts: {
    readonly user: UserConfiguration;
    readonly paths: PathMap;
    readonly programs: ImagePrograms;
    readonly references: References;
  }) {
    this.#user = parts.user;
    this.#paths = parts.paths;
    this.#programs = parts.programs;
    this.#references = parts.references;
  }

  /** @param command a shell's command line @param variables what the caller knows of variables in it */
  read(command: string, variables: Readonly<Record<string, string>> = {}): ReadCommand {
    const { findings, interpreters } = this.#look(splitCommand(command), variables);
    const { text, rewrites } = this.#rewrite(command, interpreters);
    return { text, rewrites, findings };
  }

  /** @param program what is run without a shell */
  readProgram(
    program: string,
    args: readonly string[],
    variables: Readonly<Record<string, string>> = {},
  ): ReadProgram {
    const { findings, interpreters } = this.#look(wordsOf(program, args), variables);
    const [first, ...rest] = [program, ...args].map((word) => this.#rewrite(word, interpreters));
    return {
      program: first?.text ?? program,
      args: rest.map(({ text }) => text),
      rewrites: [first, ...rest].flatMap((part) => part?.rewrites ?? []),
      findings,
    };
  }

  /** What to know about a path that is named outside of a command. */
  readPath(text: string): ReadCommand {
    const path = expandPath(text, this.#user);
    const reference = path === undefined ? undefined : this.#references.bring(path);
    return { ...this.#paths.rewrite(text), findings: findingsOf(reference) };
  }

  #look(
    words: readonly Word[],
    variables: Readonly<Record<string, string>>,
    nesting = 0,
  ): { findings: Finding[]; interpreters: Interpreter[] } {
    const findings: Finding[] = [];
    const interpreters: Interpreter[] = [];
    words.forEach(({ text, isProgram }, index) => {
      const word = expandVariables(text, variables);
      if (!isProgram) findings.push(...this.#lookAtArgument(word));
      else {
        const looked = this.#lookAtProgram(word);
        findings.push(...looked.findings);
        if (looked.replacement !== undefined) {
          interpreters.push({ from: text, to: looked.replacement });
        }
        if (/^python[\d.]*$/.test(basename(word)) && words[index + 1]?.text === "-m") {
          const module = words[index + 2]?.text ?? "";
          findings.push(...stateFindings(`Python's ${module}`, this.#programs.lookModule(module)));
        }
      }
    });
    const script = innerScript(words);
    if (script !== undefined && nesting < MAX_NESTING) {
      const inner = this.#look(splitCommand(script), variables, nesting + 1);
      findings.push(...inner.findings);
      interpreters.push(...inner.interpreters);
    }
    return { findings, interpreters };
  }

  #lookAtProgram(word: string): { findings: readonly Finding[]; replacement?: string } {
    const path = expandPath(word, this.#user);
    if (path === undefined) {
      // A path of the project, or a variable's value: known only where it runs.
      if (/[/$]/.test(word)) return { findings: [] };
      return { findings: stateFindings(word, this.#programs.look(word)) };
    }
    const name = basename(path);
    const state = this.#programs.look(name);
    if (IMAGE_PROGRAM.test(path) && state.state !== "unknown") {
      return { findings: stateFindings(name, state) };
    }
    // A known program of another place (nvm's node, Homebrew's python3) is the image's own there.
    if (state.state !== "unknown" && this.#paths.find(path) === undefined) {
      return { findings: stateFindings(name, state), replacement: name };
    }
    const reference = this.#references.bring(path);
    if (reference.state !== "sent") {
      const why =
        reference.state === "only-here" ? reference.why : `${path} is only on this machine`;
      return { findings: [{ verdict: "only-here", note: why }] };
    }
    return { findings: this.#lookAtProgramFile(path, reference.program) };
  }

  #lookAtProgramFile(path: string, program: ProgramFile): Finding[] {
    const name = basename(path);
    if (program.kind === "macos-binary") {
      return [{ verdict: "only-here", note: `${name} is compiled for macOS` }];
    }
    if (program.kind !== "script") return [];
    const { interpreter } = program;
    const state = this.#programs.look(basename(interpreter));
    if (interpreter.startsWith("/") && !IMAGE_PROGRAM.test(interpreter)) {
      const note = `the first line of ${name} names ${interpreter}; write #!/usr/bin/env ${basename(interpreter)}`;
      return [{ verdict: "only-here", note }];
    }
    return stateFindings(`${basename(interpreter)}, which ${name} is run by,`, state);
  }

  #lookAtArgument(word: string): readonly Finding[] {
    const text = /^-[\w-]*=(.*)$/s.exec(word)?.[1] ?? word;
    const path = expandPath(text, this.#user);
    // A pattern such as /^a/ or an address below /: no path of this machine.
    if (path === undefined || (text.startsWith("/") && !existsSync(path))) return [];
    const reference = this.#references.bring(path);
    if (reference.state === "sent") return this.#lookAtProgramFile(path, reference.program);
    return findingsOf(reference);
  }

  #rewrite(
    text: string,
    interpreters: readonly Interpreter[],
  ): { text: string; rewrites: readonly Rewrite[] } {
    let exchanged = text;
    const rewrites: Rewrite[] = [];
    for (const { from, to } of interpreters) {
      if (!exchanged.includes(from)) continue;
      exchanged = exchanged.replaceAll(from, () => to);
      rewrites.push({ from, to });
    }
    const mapped = this.#paths.rewrite(exchanged);
    return { text: mapped.text, rewrites: [...rewrites, ...mapped.rewrites] };
  }
}

/** What the state of a program means for what needs it. */
function stateFindings(name: string, state: ProgramState): Finding[] {
  switch (state.state) {
    case "present":
      return [];
    case "installable":
      return [{ verdict: "needs-install", note: `${name} is not in the image: ${state.how}` }];
    case "only-here":
      return [{ verdict: "only-here", note: `${name}: ${state.why}` }];
    case "unknown":
      return [
        {
          verdict: "needs-install",
          note: `${name} is not in the image: if it is a Debian package's, add that to apt under [image] in parhelia.toml`,
        },
      ];
  }
}

function findingsOf(reference: Reference | undefined): Finding[] {
  return reference?.state === "only-here" ? [{ verdict: "only-here", note: reference.why }] : [];
}

/** `$NAME` and `${NAME}` at the start of a word, such as `${CLAUDE_PLUGIN_ROOT}`. */
function expandVariables(word: string, variables: Readonly<Record<string, string>>): string {
  for (const [name, value] of Object.entries(variables)) {
    for (const spelling of [`\${${name}}`, `$${name}`]) {
      if (word.startsWith(spelling)) return value + word.slice(spelling.length);
    }
  }
  return word;
}
