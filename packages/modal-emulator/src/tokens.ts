import { createHmac, timingSafeEqual } from "node:crypto";

const LIFETIME_MS = 60 * 60 * 1000;

/** What a token of the emulator's own is good for. */
export type TokenSubject = "control-plane" | `task:${string}` | `volume-file:${string}`;

/**
 * Issues and checks the JSON Web Tokens (HS256) that the SDK asks for: one for the control plane
 * (AuthTokenGet) and one a task for its command router, of which the SDK reads only `exp`; and one for each
 * part of a volume's file that may be downloaded.
 */
export class TokenIssuer {
  readonly #key: Buffer;

  /** @param signingKeyHex kept in the state, so that tokens stay good over a restart */
  constructor(signingKeyHex: string) {
    this.#key = Buffer.from(signingKeyHex, "hex");
  }

  /** A token that is good for one hour. */
  issue(subject: TokenSubject): string {
    const exp = Math.floor((Date.now() + LIFETIME_MS) / 1000);
    const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: subject, exp })}`;
    return `${signed}.${this.#sign(signed).toString("base64url")}`;
  }

  /** The subject of a token that this emulator issued and that is still good, otherwise undefined. */
  verify(token: string): TokenSubject | undefined {
    const [header, payload, signature] = token.split(".");
    if (header === undefined || payload === undefined || signature === undefined) return undefined;
    const expected = this.#sign(`${header}.${payload}`);
    const given = Buffer.from(signature, "base64url");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as {
      sub: TokenSubject;
      exp: number;
    };
    return claims.exp * 1000 > Date.now() ? claims.sub : undefined;
  }

  #sign(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
