import { ServerError, Status } from "nice-grpc";
import { Empty } from "../generated/google/protobuf/empty.ts";
import { ModalClientDefinition } from "../generated/modal_client.ts";
import { TaskCommandRouterDefinition } from "../generated/task_command_router.ts";
import { modalClientRpcs, taskCommandRouterRpcs } from "./rpc-names.ts";

/** The shape of a service definition as nice-grpc takes it. */
interface Definition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string }>>;
}

type Handlers = Record<string, unknown>;

/**
 * Completes a service: the methods that it serves, and for every other RPC of the real service a handler
 * that answers UNIMPLEMENTED with the RPC's name.
 */
function complete<D extends Definition>(
  served: D,
  allNames: readonly string[],
  handlers: Handlers,
) {
  const servedNames = new Set(Object.values(served.methods).map((method) => method.name));
  const missing = allNames.filter((name) => !servedNames.has(name));
  const methods: Record<string, unknown> = { ...served.methods };
  const implementation: Handlers = { ...handlers };
  for (const name of missing) {
    const key = `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    methods[key] = {
      name,
      requestType: Empty,
      // Streams are answered alike: the client sees the status before it sends or reads a message.
      requestStream: false,
      responseType: Empty,
      responseStream: false,
      options: {},
    };
    implementation[key] = () => {
      throw new ServerError(
        Status.UNIMPLEMENTED,
        `modal-emulator does not implement ${served.fullName}/${name}`,
      );
    };
  }
  return { definition: { ...served, methods } as D, implementation };
}

/** The control plane: what `handlers` serve, and a named refusal for the rest of Modal's RPCs. */
export function completeModalClient(handlers: Handlers) {
  return complete(ModalClientDefinition, modalClientRpcs, handlers);
}

/** The command router, completed alike. */
export function completeTaskCommandRouter(handlers: Handlers) {
  return complete(TaskCommandRouterDefinition, taskCommandRouterRpcs, handlers);
}
