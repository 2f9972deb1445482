import { TERMINAL_PROGRAM } from "../../container/protocol/paths.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import type { TerminalSize } from "./exec.ts";

/** Eight of them may get lost before the sandbox takes us for gone (container/terminal). */
const SIGN_OF_LIFE_INTERVAL_MS = 15_000;

/** The other end of a command's terminal, as far as Modal's own does not reach: its size, and hanging up. */
export interface TerminalControl {
  /** Sets the terminal's size, soon; of several sizes in a row the last one. */
  readonly resize: (size: TerminalSize) => void;
  /** Hangs the command up, as a terminal that is closed does. Never rejects; may be called again. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the control of a command's terminal: a second command, whose input carries the sizes. A command
 * whose control ends, or shows no sign of life for two minutes, is hung up.
 */
export function controlTerminal(
  sandbox: Sandbox,
  commandId: string,
  initialSize: TerminalSize,
): TerminalControl {
  let size = initialSize;
  const lines = new LatestLine(async () => {
    const control = await sandbox.exec([TERMINAL_PROGRAM, "--control", commandId], {
      stdout: "ignore",
      stderr: "ignore",
    });
    return control.stdin.getWriter();
  });
  const send = () => {
    lines.send(`${size.rows} ${size.columns}\n`);
  };
  const signsOfLife = setInterval(send, SIGN_OF_LIFE_INTERVAL_MS);
  send();
  return {
    resize: (newSize) => {
      size = newSize;
      send();
    },
    close: () => {
      clearInterval(signsOfLife);
      return lines.close();
    },
  };
}

/** Writes one line at a time; while one is under way, a newer one takes the place of those that wait. */
class LatestLine {
  readonly #writer: Promise<WritableStreamDefaultWriter<string>>;
  #waiting = "";
  #written: Promise<void> = Promise.resolve();

  constructor(open: () => Promise<WritableStreamDefaultWriter<string>>) {
    this.#writer = open();
    // Once its command has ended there is nothing left to control.
    this.#writer.catch(() => undefined);
  }

  send(line: string): void {
    const isWaiting = this.#waiting !== "";
    this.#waiting = line;
    if (!isWaiting) this.#written = this.#written.then(() => this.#write());
  }

  async close(): Promise<void> {
    await this.#written;
    await this.#writer.then((writer) => writer.close()).catch(() => undefined);
  }

  async #write(): Promise<void> {
    try {
      const writer = await this.#writer;
      const line = this.#waiting;
      this.#waiting = "";
      await writer.write(line);
    } catch {
      this.#waiting = "";
    }
  }
}
