import { ServerError, Status } from "nice-grpc";
import {
  ObjectCreationType,
  type ModalClientServiceImplementation,
  type SecretGetOrCreateRequest,
} from "../generated/modal_client.ts";
import { newIdentifier } from "../state/identifiers.ts";
import type { SecretRecord } from "../state/records.ts";
import { environmentName, type EmulatorContext } from "../context.ts";
import { refuseExisting } from "./volumes.ts";

/** Modal's limits, in characters. */
const MAX_KEY_LENGTH = 16_384;
const MAX_VALUE_LENGTH = 32_768;

/** An ephemeral secret serves one build or sandbox; it is forgotten after a day. */
const EPHEMERAL_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** Secrets by name (SPEC-01.14). No answer and no error carries a value. */
export function secretService(
  context: EmulatorContext,
): Pick<ModalClientServiceImplementation, "secretGetOrCreate" | "secretDelete" | "secretList"> {
  const { secrets } = context.store;
  return {
    secretGetOrCreate: (request) => {
      forgetOldEphemeral(context);
      const secret = getOrCreate(context, request);
      const missing = request.requiredKeys.filter((key) => !(key in secret.values));
      if (missing.length > 0) {
        throw new ServerError(
          Status.FAILED_PRECONDITION,
          `Secret is missing key(s): ${missing.join(", ")}`,
        );
      }
      return Promise.resolve({ secretId: secret.id, metadata: describe(secret) });
    },

    secretDelete: (request) => {
      if (secrets.get(request.secretId) === undefined) {
        throw new ServerError(Status.NOT_FOUND, `Secret with ID '${request.secretId}' not found`);
      }
      secrets.delete(request.secretId);
      return Promise.resolve({});
    },

    secretList: (request) => {
      const environment = environmentName(request.environmentName);
      const items = secrets
        .values()
        .filter((secret) => secret.name !== "" && secret.environment === environment)
        .sort((a, b) => a.name.localeCompare(b.name))
        .map((secret) => ({
          label: secret.name,
          secretId: secret.id,
          createdAt: secret.createdAtMs / 1000,
          environmentName: environment,
          metadata: describe(secret),
        }));
      return Promise.resolve({ items, environmentName: environment });
    },
  };
}

function describe(secret: SecretRecord) {
  return {
    name: secret.name,
    environmentName: secret.environment,
    keys: Object.keys(secret.values).sort(),
    creationInfo: { createdAt: secret.createdAtMs / 1000 },
  };
}

function getOrCreate(context: EmulatorContext, request: SecretGetOrCreateRequest): SecretRecord {
  const { secrets } = context.store;
  const environment = environmentName(request.environmentName);
  const name = request.deploymentName;
  const create = request.objectCreationType;
  if (create === ObjectCreationType.OBJECT_CREATION_TYPE_EPHEMERAL) {
    return secrets.put(newSecret(request, "", environment, newIdentifier("st")));
  }
  const existing = secrets.find((s) => s.name === name && s.environment === environment);
  if (existing !== undefined) {
    refuseExisting(request, `Secret '${name}' already exists`);
    if (create !== ObjectCreationType.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS) {
      return existing;
    }
    return secrets.put(newSecret(request, name, environment, existing.id));
  }
  if (create === ObjectCreationType.OBJECT_CREATION_TYPE_UNSPECIFIED) {
    throw new ServerError(Status.NOT_FOUND, `Secret '${name}' not found`);
  }
  return secrets.put(newSecret(request, name, environment, newIdentifier("st")));
}

function newSecret(
  request: SecretGetOrCreateRequest,
  name: string,
  environment: string,
  id: string,
): SecretRecord {
  for (const [key, value] of Object.entries(request.envDict)) {
    if (key.length > MAX_KEY_LENGTH || value.length > MAX_VALUE_LENGTH) {
      throw new ServerError(
        Status.INVALID_ARGUMENT,
        `Secret key '${key.slice(0, 40)}': keys have at most ${MAX_KEY_LENGTH} and values at most ${MAX_VALUE_LENGTH} characters`,
      );
    }
  }
  return { id, name, environment, values: { ...request.envDict }, createdAtMs: Date.now() };
}

function forgetOldEphemeral(context: EmulatorContext): void {
  const { secrets } = context.store;
  const oldBeforeMs = Date.now() - EPHEMERAL_LIFETIME_MS;
  for (const secret of secrets.values()) {
    if (secret.name === "" && secret.createdAtMs < oldBeforeMs) secrets.delete(secret.id);
  }
}
