import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

/** The kinds of identifiers that Modal's clients know by their prefix. */
export type IdentifierPrefix =
  "ap" | "im" | "vo" | "st" | "sb" | "ta" | "en" | "rv" | "fu" | "fc" | "in";

/**
 * A new identifier, such as `im-4k2…`. The 26 characters after the prefix differ from the 22 of Modal's
 * V1 sandboxes: the SDK takes a sandbox of any other length for one of the V2 backend.
 */
export function newIdentifier(prefix: IdentifierPrefix): string {
  const characters = Array.from(randomBytes(26), (byte) => ALPHABET[byte % ALPHABET.length]);
  return `${prefix}-${characters.join("")}`;
}

/** An identifier that is always the same for the same parts. */
export function derivedIdentifier(prefix: IdentifierPrefix, ...parts: string[]): string {
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest();
  const characters = Array.from(digest.subarray(0, 26), (byte) => ALPHABET[byte % ALPHABET.length]);
  return `${prefix}-${characters.join("")}`;
}
