import { ServerError, Status } from "nice-grpc";
import { environmentName, type EmulatorContext } from "../context.ts";
import {
  DataFormat,
  FunctionFunctionType,
  Sandbox,
  type FunctionMessage,
  type ModalClientServiceImplementation,
} from "../generated/modal_client.ts";
import { derivedIdentifier } from "../state/identifiers.ts";
import type { FunctionRecord } from "../state/records.ts";
import { checkDefinition, timeoutSeconds } from "./sandbox-definition.ts";

/**
 * The option of FunctionCreate that makes a Function of the emulator's: a JSON list, the command that a call
 * runs in the Function's image. Modal's own Functions are Python, run by Modal's client inside the image.
 */
export const COMMAND_OPTION = "modal-emulator.command";

/** Nothing is as large: what a client sends instead of a larger input is a blob, which is not served. */
const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/** Registering Functions, and finding them by name. */
export function functionService(
  context: EmulatorContext,
): Pick<ModalClientServiceImplementation, "functionCreate" | "functionGet"> {
  const { store } = context;
  return {
    functionCreate: ({ function: message, appId }) => {
      if (message === undefined || message.functionName === "") {
        throw invalid("FunctionCreate without a function's name");
      }
      if (store.apps.get(appId) === undefined) {
        throw new ServerError(Status.NOT_FOUND, `App with ID '${appId}' not found`);
      }
      const definition = definitionOf(message);
      checkDefinition(definition, "V2");
      requireAll(context, definition);
      const name = message.functionName;
      const id = derivedIdentifier("fu", appId, name);
      const record = store.functions.put({ id, appId, name, definition });
      return Promise.resolve({ functionId: id, handleMetadata: handleMetadata(record) });
    },

    functionGet: ({ appName, objectTag, environmentName: given }) => {
      const environment = environmentName(given);
      const app = store.apps.find(
        (each) => each.name === appName && each.environment === environment,
      );
      const found = store.functions.find(
        ({ name, appId }) => name === objectTag && appId === app?.id,
      );
      // One whose image was deleted can run nothing: a caller had better know before the call.
      if (found === undefined || store.images.get(found.definition.imageId) === undefined) {
        const message = `Function '${objectTag}' not found in App '${appName}'`;
        throw new ServerError(Status.NOT_FOUND, message);
      }
      return Promise.resolve({ functionId: found.id, handleMetadata: handleMetadata(found) });
    },
  };
}

/** A call is a container like a sandbox's: it is defined by the same message. */
function definitionOf(message: FunctionMessage): Sandbox {
  const { imageId, resources, secretIds, volumeMounts, blockNetwork, schedulerPlacement } = message;
  const definition = Sandbox.fromPartial({
    entrypointArgs: commandOf(message),
    ...{ imageId, resources, secretIds, volumeMounts, blockNetwork, schedulerPlacement },
    timeoutSecs: message.timeoutSecs,
  });
  return { ...definition, timeoutSecs: timeoutSeconds(definition) };
}

function commandOf({ functionName, experimentalOptions }: FunctionMessage): string[] {
  const option = experimentalOptions[COMMAND_OPTION];
  if (option === undefined) {
    throw new ServerError(
      Status.UNIMPLEMENTED,
      `modal-emulator does not run Python: Function '${functionName}' needs the option ${COMMAND_OPTION}`,
    );
  }
  const command: unknown = parse(option);
  const isCommand =
    Array.isArray(command) &&
    command.length > 0 &&
    command.every((word) => typeof word === "string");
  if (!isCommand) throw invalid(`${COMMAND_OPTION} must be a list of strings, as JSON`);
  return command;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What is missing is said when a Function is registered, not at its first call. */
function requireAll({ store }: EmulatorContext, definition: Sandbox): void {
  const { imageId, secretIds, volumeMounts } = definition;
  const missing =
    (store.images.get(imageId) === undefined ? `image '${imageId}'` : undefined) ??
    secretIds
      .filter((id) => store.secrets.get(id) === undefined)
      .map((id) => `secret '${id}'`)[0] ??
    volumeMounts
      .filter(({ volumeId }) => store.volumes.get(volumeId) === undefined)
      .map(({ volumeId }) => `volume '${volumeId}'`)[0];
  if (missing !== undefined) throw new ServerError(Status.NOT_FOUND, `There is no ${missing}`);
}

function handleMetadata({ appId, name }: FunctionRecord) {
  return {
    appId,
    functionName: name,
    functionType: FunctionFunctionType.FUNCTION_TYPE_FUNCTION,
    maxObjectSizeBytes: MAX_INPUT_BYTES,
    supportedInputFormats: [DataFormat.DATA_FORMAT_CBOR],
    supportedOutputFormats: [DataFormat.DATA_FORMAT_CBOR],
  };
}

function invalid(message: string): ServerError {
  return new ServerError(Status.INVALID_ARGUMENT, message);
}
