import type { ModalClientServiceImplementation } from "../generated/modal_client.ts";
import type { EmulatorContext } from "../context.ts";

/** AuthTokenGet: a token for a client whose token id and secret the server has already checked. */
export function authenticationService(
  context: EmulatorContext,
): Pick<ModalClientServiceImplementation, "authTokenGet"> {
  return {
    authTokenGet: () => Promise.resolve({ token: context.tokens.issue("control-plane") }),
  };
}
