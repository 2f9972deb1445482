import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { expandPath } from "./path-map.ts";
import type { References } from "./references.ts";
import type { UserConfiguration } from "./user-configuration.ts";
import type { Finding } from "./command-reader.ts";

/** Claude Code follows imports this far. */
const MAX_IMPORT_DEPTH = 5;

/** `@path` in a text, where it is no e-mail address; spaces in it stand behind backslashes. */
const IMPORT = /(?<=^|\s)@((?:[^\s\\`]|\\ )+)/gm;

/**
 * Brings the files that a memory file imports with `@path`, and those that they import.
 *
 * @returns what has to be known about imports that stay behind
 */
export function bringImports(
  file: string,
  user: UserConfiguration,
  references: References,
): Finding[] {
  const seen = new Set<string>();
  const follow = (path: string, depth: number): Finding[] => {
    if (seen.has(path) || depth > MAX_IMPORT_DEPTH) return [];
    seen.add(path);
    return importsOf(path, user).flatMap((imported) => {
      const reference = references.bring(imported, true);
      if (reference.state !== "sent") {
        const why = reference.state === "only-here" ? reference.why : `${imported} is not sent`;
        return [{ verdict: "only-here" as const, note: `an import stays behind: ${why}` }];
      }
      return follow(imported, depth + 1);
    });
  };
  return follow(file, 1);
}

/** The files that exist of those that a memory file names. Code is no place for imports. */
function importsOf(file: string, user: UserConfiguration): string[] {
  const text = withoutCode(readFileSync(file, "utf8"));
  return [...text.matchAll(IMPORT)]
    .map(([, word = ""]) => word.replaceAll("\\ ", " "))
    .map((word) => expandPath(word, user) ?? resolve(dirname(file), word))
    .flatMap((path) => [path, path.replace(/[.,;:!?)]+$/, "")].filter(existsSync).slice(0, 1));
}

function withoutCode(text: string): string {
  return text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, "").replaceAll(/`[^`\n]*`/g, "");
}
