import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

/** The kinds of identifiers that Modal's clients know by their prefix. */
export type IdentifierPrefix =
  "ap" | "im" | "vo" | "st" | "sb" | "ta" | "en" | "rv" | "fu" | "fc" | "in";

/** Modal's two kinds of sandboxes. Clients tell them apart by their identifiers alone. */
export type SandboxBackend = "V1" | "V2";

const LENGTH = 26;

/** The SDK takes a sandbox of any other length for one of the V2 backend. */
const V1_LENGTH = 22;

/** A new identifier, such as `im-4k2…`. */
export function newIdentifier(prefix: IdentifierPrefix): string {
  return `${prefix}-${randomCharacters(LENGTH)}`;
}

/** A new sandbox's identifier, which says which backend it is of. */
export function newSandboxId(backend: SandboxBackend): string {
  return `sb-${randomCharacters(backend === "V1" ? V1_LENGTH : LENGTH)}`;
}

/** The backend of the sandbox that has the identifier. */
export function backendOf(sandboxId: string): SandboxBackend {
  return sandboxId.length === "sb-".length + V1_LENGTH ? "V1" : "V2";
}

function randomCharacters(count: number): string {
  return Array.from(randomBytes(count), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

/** An identifier that is always the same for the same parts. */
export function derivedIdentifier(prefix: IdentifierPrefix, ...parts: string[]): string {
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest();
  const characters = Array.from(
    digest.subarray(0, LENGTH),
    (byte) => ALPHABET[byte % ALPHABET.length],
  );
  return `${prefix}-${characters.join("")}`;
}
