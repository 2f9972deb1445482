import { createHash, createHmac } from "node:crypto";
import type { ImageRecord, SecretRecord } from "../state/records.ts";
import type { ContextFile } from "./copy-archive.ts";

/** A layer that a client asks for. */
export interface LayerRequest {
  /** Dockerfile instructions; the first one is FROM. */
  readonly commands: readonly string[];
  /** Images by the name that FROM knows them by. */
  readonly bases: readonly { readonly name: string; readonly image: ImageRecord }[];
  /** In order: a later one's values go before an earlier one's. */
  readonly secrets: readonly SecretRecord[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly contextFiles: readonly ContextFile[];
  readonly builderVersion: string;
  /** Build although there is one. */
  readonly force: boolean;
  /** Lines for the log: what of the request is ignored. */
  readonly notes: readonly string[];
}

/**
 * The digest of everything a layer is made from: the same in every state directory, but where secrets are
 * part of it. A named secret counts by its identifier, so that a rotated value rebuilds nothing.
 * @param signingKey hex; without it nobody can tell from the digest what a secret's value was
 */
export function layerKey(request: LayerRequest, signingKey: string): string {
  return sha256(
    JSON.stringify({
      commands: request.commands,
      bases: request.bases.map(({ name, image }) => [name, image.engineImageId]),
      secrets: request.secrets.map((secret) => secretIdentity(secret, signingKey)),
      buildArgs: sorted(request.buildArgs),
      contextFiles: request.contextFiles.map(({ name, data }) => [name, sha256(data)]),
      builderVersion: request.builderVersion,
    }),
  );
}

function secretIdentity(secret: SecretRecord, signingKey: string): string {
  if (secret.name !== "") return secret.id;
  const hmac = createHmac("sha256", Buffer.from(signingKey, "hex"));
  return hmac.update(JSON.stringify(sorted(secret.values))).digest("hex");
}

function sorted(values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
