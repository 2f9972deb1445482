import { ServerError, Status } from "nice-grpc";
import type { SecretSource } from "../generated/modal_client.ts";
import type { Store } from "../state/store.ts";

/** Where a process's environment comes from; what stands later wins. */
export interface EnvironmentSources {
  /** What older clients send. The SDK repeats here those of its sources that have an identifier. */
  readonly secretIds: readonly string[];
  /** Secrets and variables in the order that the caller gave them. */
  readonly secretSources: readonly SecretSource[];
  readonly variables: readonly Readonly<Record<string, string>>[];
}

/**
 * The environment that a request gives to a process (SPEC-01.14): secrets in their order, then variables.
 * @throws ServerError NOT_FOUND for a secret that is not there, INVALID_ARGUMENT for a name that no
 * variable can have; no message has a value
 */
export function resolveEnvironment(
  store: Store,
  { secretIds, secretSources, variables }: EnvironmentSources,
): Record<string, string> {
  const parts = [
    ...secretIds.map((secretId) => secretValues(store, secretId)),
    ...secretSources.map(({ source }) => {
      if (source === undefined) return {};
      return source.$case === "env" ? source.value.contents : secretValues(store, source.value);
    }),
    ...variables,
  ];
  const environment: Record<string, string> = {};
  for (const [name, value] of parts.flatMap((part) => Object.entries(part))) {
    if (name === "" || /[=\0]/.test(name)) {
      throw new ServerError(
        Status.INVALID_ARGUMENT,
        `'${name.split("=", 1)[0] ?? ""}': a variable's name is not empty and has no '='`,
      );
    }
    if (value.includes("\0")) {
      throw new ServerError(Status.INVALID_ARGUMENT, `'${name}': its value has a NUL character`);
    }
    environment[name] = value;
  }
  return environment;
}

function secretValues(store: Store, secretId: string): Readonly<Record<string, string>> {
  const secret = store.secrets.get(secretId);
  if (secret === undefined) {
    throw new ServerError(Status.NOT_FOUND, `Secret '${secretId}' not found`);
  }
  return secret.values;
}
