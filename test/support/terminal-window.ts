import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { runProgram } from "./run-program.ts";

const COMMAND_TIMEOUT_MS = 10_000;
const SCREEN_TIMEOUT_MS = 20_000;

/** How the shell in a window asks for a command. */
const PROMPT = "host$ ";

/** Why this machine has no windows for tests; undefined where it has. */
export async function whyNoTerminalWindow(): Promise<string | undefined> {
  try {
    await runProgram("tmux", ["-V"], { env: process.env, timeoutMs: COMMAND_TIMEOUT_MS });
    return undefined;
  } catch (error) {
    return `tmux does not start: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export interface TerminalWindowOptions {
  readonly columns: number;
  readonly rows: number;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A terminal of this machine as a person has it, with a shell: a tmux of its own draws its screen. */
export class TerminalWindow {
  /** Of its tmux's socket. */
  readonly #directory = mkdtempSync(join(tmpdir(), "parhelia-window-"));
  readonly #options: TerminalWindowOptions;
  #isOpen = true;

  private constructor(options: TerminalWindowOptions) {
    this.#options = options;
  }

  static async open(options: TerminalWindowOptions): Promise<TerminalWindow> {
    const window = new TerminalWindow(options);
    const size = ["-x", `${options.columns}`, "-y", `${options.rows}`];
    const shell = ["env", `PS1=${PROMPT}`, "bash", "--norc", "--noprofile"];
    await window.#tmux("-f", "/dev/null", "new-session", "-d", ...size, ...shell);
    await window.shows(PROMPT);
    return window;
  }

  /** Types a line and presses Enter. */
  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press("Enter");
  }

  /** Types text, or any bytes that a terminal sends, such as a click of the mouse. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", "--", text);
  }

  /** Presses keys by their name in tmux: `C-c`, `Enter`, `F5`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  /** Pastes text, in brackets where the program has asked for them. */
  async paste(text: string): Promise<void> {
    await this.#tmux("set-buffer", "--", text, ";", "paste-buffer", "-p");
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** What stands on the screen, lines without blanks at their ends. */
  async screen(): Promise<string> {
    return (await this.#tmux("capture-pane", "-p")).replace(/[ \n]+$/, "");
  }

  /** The same with the escape sequences of colours. */
  async coloredScreen(): Promise<string> {
    return this.#tmux("capture-pane", "-p", "-e");
  }

  /** Whether the program has taken the alternate screen, the mouse, hidden the cursor: tmux's own flags. */
  async flag(name: "alternate_on" | "mouse_any_flag" | "cursor_flag"): Promise<boolean> {
    return (await this.#tmux("display-message", "-p", `#{${name}}`)).trim() === "1";
  }

  /** Waits until the screen shows a text or pattern. @returns the screen */
  async shows(wanted: string | RegExp, timeoutMs = SCREEN_TIMEOUT_MS): Promise<string> {
    let screen = "";
    const found = () =>
      typeof wanted === "string" ? screen.includes(wanted.trimEnd()) : wanted.test(screen);
    try {
      return await eventually(`the screen shows ${String(wanted)}`, timeoutMs, async () => {
        screen = await this.screen();
        return found() ? screen : undefined;
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}; it shows:\n${screen}`, { cause: error });
    }
  }

  /** Closes the window: what runs in it is hung up. May be called again. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      await this.#tmux("kill-server");
    } finally {
      rmSync(this.#directory, { recursive: true });
    }
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const { env, cwd } = this.#options;
    const command = ["-S", join(this.#directory, "tmux"), "-u", ...args];
    const outcome = await runProgram("tmux", command, { env, cwd, timeoutMs: COMMAND_TIMEOUT_MS });
    if (outcome.exitStatus === 0) return outcome.stdout;
    throw new Error(`tmux ${args.join(" ")} ended with ${outcome.exitStatus}: ${outcome.stderr}`);
  }
}
