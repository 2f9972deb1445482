import { ServerError, Status } from "nice-grpc";
import {
  ObjectCreationType,
  type ModalClientServiceImplementation,
} from "../generated/modal_client.ts";
import { derivedIdentifier } from "../state/identifiers.ts";
import { environmentName, type EmulatorContext } from "../context.ts";

/** The image builder version whose rules the emulator's builds follow. */
export const IMAGE_BUILDER_VERSION = "2025.06";

/** Environments exist as soon as they are named; Apps are remembered. */
export function environmentAndAppService(
  context: EmulatorContext,
): Pick<ModalClientServiceImplementation, "environmentGetOrCreate" | "appGetOrCreate"> {
  const { apps } = context.store;
  return {
    environmentGetOrCreate: (request) => {
      const name = environmentName(request.deploymentName);
      return Promise.resolve({
        environmentId: derivedIdentifier("en", name),
        metadata: { name, settings: { imageBuilderVersion: IMAGE_BUILDER_VERSION } },
      });
    },

    appGetOrCreate: (request) => {
      const environment = environmentName(request.environmentName);
      const id = derivedIdentifier("ap", environment, request.appName);
      if (apps.get(id) === undefined) {
        if (request.objectCreationType === ObjectCreationType.OBJECT_CREATION_TYPE_UNSPECIFIED) {
          throw new ServerError(Status.NOT_FOUND, `App '${request.appName}' not found`);
        }
        apps.put({ id, name: request.appName, environment });
      }
      return Promise.resolve({
        appId: id,
        handleMetadata: { appId: id, environmentName: environment },
      });
    },
  };
}
