const ESCAPE = "\u001B";

/** A private mode that is set (`ESC [ ? 25 h`) or reset (`ESC [ ? 25 l`), several at once with `;`. */
const MODE_CHANGE = new RegExp(String.raw`${ESCAPE}\[\?([\d;]+)([hl])`, "g");

/** Such a sequence without its end, after the escape character. */
const BEGINNING = /^(\[(\?[\d;]{0,60})?)?$/;

const SHOW_CURSOR = 25;

const CURSOR_KEYS = [1];
const MOUSE = [9, 1000, 1001, 1002, 1003, 1005, 1006, 1015, 1016];
const FOCUS = [1004];
const BRACKETED_PASTE = [2004];
const SYNCHRONIZED_OUTPUT = [2026];
const ALTERNATE_SCREEN = [47, 1047, 1049];

/** What a program sets and means to reset before it ends; the screen last, since the rest is reset on it. */
const PROGRAM_MODES = [
  CURSOR_KEYS,
  MOUSE,
  FOCUS,
  BRACKETED_PASTE,
  SYNCHRONIZED_OUTPUT,
  ALTERNATE_SCREEN,
].flat();

/** What a terminal can be left in besides: a key pad, a character set, colours, keys of a program's own. */
const RESET_UNSEEN = `${ESCAPE}>${ESCAPE}(B\u000F${ESCAPE}[0m${ESCAPE}[>4;0m`;

/** The cursor goes home with it: only for a screen that is left anyway. */
const RESET_SCROLL_REGION = `${ESCAPE}[r`;

/**
 * Watches what a program prints for the modes that it puts the terminal in, to take it out of them where
 * the program ends before it does so itself: with its sandbox, or with the connection.
 */
export class TerminalModes {
  readonly #set = new Set<number>();
  #cursorHidden = false;
  #beginning = "";

  /** Looks at the next piece of output; a sequence may begin in one and end in another. */
  watch(output: Uint8Array): void {
    // Sequences are ASCII: one character a byte is enough, and never fails.
    const text = this.#beginning + Buffer.from(output).toString("latin1");
    for (const [, modes = "", change] of text.matchAll(MODE_CHANGE)) {
      for (const mode of modes.split(";")) this.#change(Number(mode), change === "h");
    }
    const escape = text.lastIndexOf(ESCAPE);
    const isBeginning = escape !== -1 && BEGINNING.test(text.slice(escape + 1));
    this.#beginning = isBeginning ? text.slice(escape) : "";
  }

  /** What to print so that the terminal is as before; empty where the program has seen to it. */
  restoration(): string {
    const modes = PROGRAM_MODES.filter((mode) => this.#set.has(mode));
    if (modes.length === 0 && !this.#cursorHidden) return "";
    return [
      RESET_UNSEEN,
      modes.some((mode) => ALTERNATE_SCREEN.includes(mode)) ? RESET_SCROLL_REGION : "",
      this.#cursorHidden ? `${ESCAPE}[?${SHOW_CURSOR}h` : "",
      ...modes.map((mode) => `${ESCAPE}[?${mode}l`),
    ].join("");
  }

  #change(mode: number, isSet: boolean): void {
    if (mode === SHOW_CURSOR) this.#cursorHidden = !isSet;
    else if (isSet) this.#set.add(mode);
    else this.#set.delete(mode);
  }
}
