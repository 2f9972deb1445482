import { NotFoundError, type Secret } from "modal";
import { UserError } from "../errors.ts";
import type { Connection } from "./connection.ts";

/** A secret that a sandbox is to get. */
export interface SecretName {
  readonly name: string;
  /** Whether a sandbox may not start without it. */
  readonly required: boolean;
}

/** A named secret: its keys, never its values. */
export interface SecretSummary {
  readonly name: string;
  readonly keys: readonly string[];
  readonly createdAt: Date;
}

/** `OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS`, which the SDK does not export. */
const OVERWRITE_IF_EXISTS = 3 as never;

/**
 * Looks up a secret by name (SPEC-01.14).
 * @returns undefined when there is none and it is not required
 * @throws UserError when it is required
 */
export async function findSecret(
  { client }: Connection,
  { name, required }: SecretName,
): Promise<Secret | undefined> {
  try {
    return await client.secrets.fromName(name);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    if (!required) return undefined;
    throw new UserError(`there is no secret named ${name}`, {
      hint: `parhelia secret set ${name} KEY, or take it out of [secrets] names in parhelia.toml`,
      cause: error,
    });
  }
}

/**
 * Creates a named secret, or replaces it with all its keys. Through the SDK's own client: its public part
 * can only make unnamed ones.
 */
export async function setSecret(
  { client }: Connection,
  name: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  await client.cpClient.secretGetOrCreate({
    deploymentName: name,
    environmentName: client.environmentName(),
    objectCreationType: OVERWRITE_IF_EXISTS,
    envDict: { ...values },
  });
}

/** The named secrets, in the order of their names. */
export async function listSecrets({ client }: Connection): Promise<SecretSummary[]> {
  const { items } = await client.cpClient.secretList({
    environmentName: client.environmentName(),
  });
  return items.map((item) => ({
    name: item.label,
    keys: item.metadata?.keys ?? [],
    createdAt: new Date(item.createdAt * 1000),
  }));
}

/**
 * Removes a secret; sandboxes that run keep what they have.
 * @throws UserError when there is none of that name
 */
export async function removeSecret({ client }: Connection, name: string): Promise<void> {
  try {
    await client.secrets.delete(name);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new UserError(`there is no secret named ${name}`, {
      hint: "parhelia secret ls",
      cause: error,
    });
  }
}
