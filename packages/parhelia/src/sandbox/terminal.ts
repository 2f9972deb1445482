import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";
import { ReadStream, WriteStream } from "node:tty";
import { SystemError } from "../errors.ts";
import type { CommandTerminal, TerminalSize } from "./exec.ts";
import type { LocalStreams } from "./pass-through.ts";
import { TerminalModes } from "./terminal-modes.ts";

/** Where a terminal does not say how large it is, as over a serial line. */
const DEFAULT_SIZE: TerminalSize = { rows: 24, columns: 80 };

const DEFAULT_TYPE = "xterm-256color";

/** Terminals that garble 24-bit colours unless `COLORTERM` says otherwise; most show them without saying so. */
const FEW_COLORS = /^(screen|linux|vt)/;

type TerminalInput = ReadStream & { readonly fd: number };
type TerminalOutput = WriteStream & { readonly fd: number };

/** The person's own terminal, which a command's terminal in a sandbox is shown on. */
export class UserTerminal {
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  readonly #type: string;
  readonly #trueColor: boolean;
  readonly #modes = new TerminalModes();
  #savedSettings: string | undefined;

  private constructor(stdin: TerminalInput, stdout: TerminalOutput, env: NodeJS.ProcessEnv) {
    this.stdin = stdin;
    this.stdout = stdout;
    this.#type = env["TERM"] || DEFAULT_TYPE;
    this.#trueColor = hasTrueColor(this.#type, env);
  }

  /** The terminal of a program's streams, or undefined where they lead elsewhere. */
  static of(
    streams: Pick<LocalStreams, "stdin" | "stdout">,
    env: NodeJS.ProcessEnv,
  ): UserTerminal | undefined {
    const { stdin, stdout } = streams;
    return stdin instanceof ReadStream && stdout instanceof WriteStream
      ? new UserTerminal(stdin as TerminalInput, stdout as TerminalOutput, env)
      : undefined;
  }

  /** What a command has to know of it. */
  get description(): CommandTerminal {
    return { ...this.size, type: this.#type, trueColor: this.#trueColor };
  }

  get size(): TerminalSize {
    const { rows, columns } = this.stdout;
    // Some terminals say 0.
    return { rows: rows || DEFAULT_SIZE.rows, columns: columns || DEFAULT_SIZE.columns };
  }

  /** Calls back with each new size. @returns what ends that */
  onResize(listener: (size: TerminalSize) => void): () => void {
    const resized = () => {
      listener(this.size);
    };
    this.stdout.on("resize", resized);
    return () => this.stdout.off("resize", resized);
  }

  /**
   * Every key from here on is the command's, and what it prints is not touched. `restore` ends that;
   * so does the end of this process, unless it is killed.
   * @throws SystemError when the terminal cannot be set
   */
  makeRaw(): void {
    this.#savedSettings = this.#stty("-g").trim();
    process.on("exit", this.restore);
    process.on("SIGCONT", this.#rawAgain);
    this.#setRaw();
  }

  /** Looks at output on its way to the terminal: what it sets there is reset by `restore`. */
  watch(output: Uint8Array): void {
    this.#modes.watch(output);
  }

  /** Makes the terminal what it was before `makeRaw`. May be called again. */
  readonly restore = (): void => {
    if (this.#savedSettings === undefined) return;
    const settings = this.#savedSettings;
    this.#savedSettings = undefined;
    process.off("exit", this.restore);
    process.off("SIGCONT", this.#rawAgain);
    try {
      writeSync(this.stdout.fd, this.#modes.restoration());
      this.#stty(settings);
    } catch {
      // It was closed, and needs nothing any more.
    }
  };

  /** Whoever stopped this process has used the terminal meanwhile, in its own settings. */
  readonly #rawAgain = (): void => {
    try {
      this.#setRaw();
    } catch {
      // A terminal that is being closed continues its processes, too, so that they end.
    }
  };

  /** Not Node's own raw mode: that has a line feed move to the first column, as programs do not expect. */
  #setRaw(): void {
    this.#stty("raw", "-echo", "-iexten");
  }

  #stty(...args: readonly string[]): string {
    const { status, stdout, stderr, error } = spawnSync("stty", args, {
      stdio: [this.stdin.fd, "pipe", "pipe"],
      encoding: "utf8",
    });
    if (status === 0) return stdout;
    throw new SystemError(`cannot set the terminal: ${error?.message ?? stderr.trim()}`, {
      hint: "check that stty is on the PATH",
      cause: error,
    });
  }
}

function hasTrueColor(type: string, env: NodeJS.ProcessEnv): boolean {
  const { COLORTERM: colors, TERM_PROGRAM: program } = env;
  if (colors) return colors === "truecolor" || colors === "24bit";
  return program !== "Apple_Terminal" && !FEW_COLORS.test(type);
}
