import { basename } from "node:path";
import type { Rewrite } from "../sync-tree.ts";
import { isWithin, realPath } from "./user-configuration.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** A text with this machine's paths exchanged for the sandbox's. */
export interface RewrittenText {
  readonly text: string;
  readonly rewrites: readonly Rewrite[];
}

/** Searches texts for the paths that a `PathMap` knows. */
export interface PathFinder {
  /** The same for the same paths. */
  readonly key: string;
  /** A text without any of these has none of the paths: a quick look before the thorough one. */
  readonly marks: readonly string[];
  isIn(text: string): boolean;
}

interface Place {
  readonly from: string;
  readonly to: string;
}

/** A path goes on with these; so `~/.claude` is not found in `~/.claude.json` or `~/.claude-old`. */
const PATH_CONTINUES = String.raw`[\p{L}\p{N}_-]|\.[\p{L}\p{N}_]`;

/** A path does not begin in the middle of a word or of another path. `//` opens one in permission rules. */
const PATH_BEGINS = String.raw`(?<![\p{L}\p{N}_.~$}\]\\-]|(?<!\(|file:\/)\/)`;

/**
 * Where files of this machine are in the sandbox, and the exchange of one path for the other in texts,
 * however a path is spelled there: absolute, with `~`, `$HOME` or `$CLAUDE_CONFIG_DIR`, with spaces
 * behind backslashes.
 */
export class PathMap {
  readonly #user: UserConfiguration;
  /** Where the sandbox, or a test, has the volume. */
  readonly volumeRoot: string;
  readonly #places = new Map<string, string>();
  #pattern: { readonly expression: RegExp; readonly targets: Map<string, string> } | undefined;

  constructor(user: UserConfiguration, volumeRoot: string) {
    this.#user = user;
    this.volumeRoot = volumeRoot;
  }

  /** The absolute path, in the sandbox, of a path in the tree. */
  inVolume(target: string): string {
    return `${this.volumeRoot}/${target}`;
  }

  /** Says that `from`, a file or a directory with all that is in it, is at `target` in the tree. */
  add(from: string, target: string): void {
    const to = this.inVolume(target);
    for (const spelling of new Set([from, realPath(from)])) {
      if (!this.#places.has(spelling)) this.#places.set(spelling, to);
    }
    this.#pattern = undefined;
  }

  /** What is known now, for texts to be searched for. What is added later changes nothing in it. */
  finder(): PathFinder {
    const { expression } = this.#compile();
    const found = new RegExp(expression.source, "u");
    const paths = [...this.#places.keys()];
    const outermost = paths.filter(
      (path) => !paths.some((other) => other !== path && isWithin(path, other)),
    );
    const marks = [...new Set(["CLAUDE_CONFIG_DIR", ...outermost.map((path) => basename(path))])];
    return { key: expression.source, marks, isIn: (text) => found.test(text) };
  }

  /** Where an absolute path is in the sandbox, by the innermost known directory around it. */
  find(path: string): string | undefined {
    let best: Place | undefined;
    for (const [from, to] of this.#places) {
      if (isWithin(path, from) && from.length > (best?.from.length ?? 0)) best = { from, to };
    }
    return best === undefined ? undefined : best.to + path.slice(best.from.length);
  }

  /** Exchanges every known path in a text: a command, a permission rule, a page of Markdown. */
  rewrite(text: string): RewrittenText {
    this.#pattern ??= this.#compile();
    const { expression, targets } = this.#pattern;
    const rewrites: Rewrite[] = [];
    const rewritten = text.replaceAll(expression, (found: string, offset: number) => {
      const target = targets.get(found) ?? found;
      const rest = restOfPath(text, offset, found.length);
      if (target !== found) rewrites.push({ from: found + rest, to: target + rest });
      return target;
    });
    return { text: rewritten, rewrites };
  }

  #compile(): { expression: RegExp; targets: Map<string, string> } {
    const targets = new Map<string, string>();
    for (const [from, to] of this.#places) {
      for (const spelling of this.#spellings(from)) {
        targets.set(spelling, to);
        // Where a space stands behind a backslash, a bare one would end the path.
        const escaped = withEscapedSpaces(spelling);
        if (escaped !== spelling) targets.set(escaped, withEscapedSpaces(to));
      }
    }
    const alternatives = [...targets.keys()]
      .sort((first, second) => second.length - first.length)
      .map((spelling) => spelling.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    const source = `${PATH_BEGINS}(?:${alternatives.join("|")})(?!${PATH_CONTINUES})`;
    return { expression: new RegExp(source, "gu"), targets };
  }

  #spellings(path: string): string[] {
    const { home, configDir } = this.#user;
    const spellings = [path];
    // ~/.claude is the same path in the sandbox.
    const same = path === configDir && configDir === `${home}/.claude`;
    if (isWithin(path, home) && !same) spellings.push(...spelled(HOME_SPELLINGS, path, home));
    if (isWithin(path, configDir)) spellings.push(...spelled(CONFIG_SPELLINGS, path, configDir));
    return spellings;
  }
}

function withEscapedSpaces(path: string): string {
  return path.replaceAll(" ", "\\ ");
}

/** How texts spell the home directory. */
const HOME_SPELLINGS = ["~", "$HOME", "${HOME}", '"$HOME"', '"${HOME}"'];

/** How texts spell the configuration directory. */
const CONFIG_SPELLINGS = [
  "$CLAUDE_CONFIG_DIR",
  "${CLAUDE_CONFIG_DIR}",
  '"$CLAUDE_CONFIG_DIR"',
  '"${CLAUDE_CONFIG_DIR}"',
  "${CLAUDE_CONFIG_DIR:-$HOME/.claude}",
  "${CLAUDE_CONFIG_DIR:-${HOME}/.claude}",
  "${CLAUDE_CONFIG_DIR:-~/.claude}",
];

function spelled(spellings: readonly string[], path: string, base: string): string[] {
  return spellings.map((spelling) => spelling + path.slice(base.length));
}

/**
 * The absolute path that a word of a command names, or undefined when it names none that is known here:
 * `~/x`, `$HOME/x`, `$CLAUDE_CONFIG_DIR/x`, `/x`.
 */
export function expandPath(word: string, user: UserConfiguration): string | undefined {
  const spellings = [
    ...CONFIG_SPELLINGS.map((spelling) => [spelling, user.configDir] as const),
    ...HOME_SPELLINGS.map((spelling) => [spelling, user.home] as const),
  ];
  for (const [spelling, base] of spellings) {
    if (word === spelling || word.startsWith(`${spelling}/`)) {
      return base + word.slice(spelling.length);
    }
  }
  return word.startsWith("/") ? word : undefined;
}

/** What follows a found directory, to show whole paths: to the closing quote, else to the next space. */
function restOfPath(text: string, offset: number, length: number): string {
  const quote = text[offset - 1] ?? "";
  const after = text.slice(offset + length);
  const end = /["']/.test(quote) ? after.indexOf(quote) : after.search(/[\s"'`;|&<>),\]}]/);
  return end < 0 ? after : after.slice(0, end);
}
