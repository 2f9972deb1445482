import { randomInt } from "node:crypto";
import { UserError } from "../errors.ts";

/** Longest name that Modal takes for a sandbox. */
export const MAX_SESSION_NAME_LENGTH = 63;

const VALID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** What else lies on the volume where sessions' trees do: directories of projects, and what these hold. */
const RESERVED = /^(p-[0-9a-f]{16}|repository\.git|project\.json)$/;

/** What makes a name none for the branch that its commits are pulled to, by the rules of Git. */
const NO_BRANCH = /\.\.|\.$|\.lock$/;

/** How trees on the volume are called that are put aside, or being restored: they would be another session's. */
const NO_TREE = /\.before-|\.restoring$/;

/**
 * A session's name is its sandbox's name on Modal, a directory on the volume and a branch in the user's
 * repository: letters, digits, dashes, dots and underscores, a letter or digit first, fewer than 64 characters,
 * and nothing that has a meaning for Git or on the volume.
 *
 * @returns the name, unchanged
 * @throws UserError with a name that would do
 */
export function checkSessionName(name: string): string {
  const reason = reasonAgainst(name);
  if (reason === undefined) return name;
  throw new UserError(`${JSON.stringify(name)} is no name for a session: ${reason}`, {
    hint: `use a name such as ${suggestSessionName(name)}`,
  });
}

function reasonAgainst(name: string): string | undefined {
  if (name.length > MAX_SESSION_NAME_LENGTH) {
    return `it has ${name.length} characters, ${MAX_SESSION_NAME_LENGTH} are allowed`;
  }
  if (!VALID.test(name)) {
    return "a name starts with a letter or digit and has only letters, digits, dashes, dots and underscores";
  }
  if (NO_BRANCH.test(name)) {
    return "no branch of Git can be called so: it has two dots in a row, or ends in a dot or in .lock";
  }
  const isTaken = RESERVED.test(name) || NO_TREE.test(name);
  return isTaken ? "Parhelia names something else so" : undefined;
}

/** The nearest valid name; a made-up one where nothing of the text can stay. */
function suggestSessionName(text: string): string {
  const name = text
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/\.(?=before-|(lock|restoring)$)/g, "-")
    .replace(/^[._-]+/, "")
    .slice(0, MAX_SESSION_NAME_LENGTH)
    .replace(/[._-]+$/, "");
  return reasonAgainst(name) === undefined ? name : generateSessionName();
}

const ADJECTIVES =
  "amber bold brisk bright calm clear coral crisp deep dusty eager early fair fleet gentle golden " +
  "hazy keen kind late light lucid mellow misty noble pale quick quiet rapid silver still warm";
const NOUNS =
  "arc aurora beacon comet corona cosmos dawn dusk eclipse ember flare glow halo harbor horizon " +
  "lantern meadow meridian meteor mirror moon nebula orbit prism rainbow ray ridge river solstice spark sun zenith";

/** A name that is easy to read and type: `calm-halo-4f2`. Among a thousand sessions few are alike. */
export function generateSessionName(): string {
  const suffix = randomInt(0x1000).toString(16).padStart(3, "0");
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}-${suffix}`;
}

function pick(words: string): string {
  const list = words.split(" ");
  return list[randomInt(list.length)] ?? "sun";
}
