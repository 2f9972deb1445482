import { AlreadyExistsError, InvalidError, NotFoundError } from "modal";
import { ParheliaError, SystemError, UserError } from "../errors.ts";
import type { Target } from "./connection.ts";
import { ENGINE_HINT } from "./local.ts";

/** The answer that there is no such thing. */
export const NOT_FOUND = 5;

/** The numbers of the gRPC statuses that are told apart here. */
const INVALID_ARGUMENT = 3;
const FAILED_PRECONDITION = 9;
const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** What the SDK throws when a request is refused; it does not export the class. */
interface GrpcClientError extends Error {
  readonly code: number;
  readonly details: string;
}

/**
 * Runs requests and turns their failures into errors for people. Errors that are already such, and those
 * nobody expected, pass as they are.
 */
export async function explainingErrors<T>(target: Target, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(target, error);
  }
}

function explain(target: Target, error: unknown): unknown {
  if (error instanceof ParheliaError) return error;
  if (error instanceof NotFoundError || error instanceof AlreadyExistsError) {
    return new UserError(error.message, { hint: "parhelia ls", cause: error });
  }
  if (error instanceof InvalidError) {
    return new UserError(error.message, { hint: "parhelia config show", cause: error });
  }
  return isGrpcError(error) ? explainGrpc(target, error) : error;
}

function explainGrpc(target: Target, error: GrpcClientError): unknown {
  const where = target === "local" ? "the emulator on this machine" : "Modal";
  const { details, code } = error;
  switch (code) {
    case UNAVAILABLE:
      return new SystemError(`${where} does not answer: ${details}`, {
        hint: target === "local" ? "parhelia local status" : "check the network, then try again",
        cause: error,
      });
    case UNAUTHENTICATED:
      return new UserError(`${where} refused the credentials: ${details}`, {
        hint:
          target === "local"
            ? "parhelia local stop, then try again"
            : "set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or run `modal token new`",
        cause: error,
      });
    case INVALID_ARGUMENT:
      return new UserError(`${where} refused the request: ${details}`, {
        hint: "parhelia config show",
        cause: error,
      });
    case UNIMPLEMENTED:
      return new SystemError(details, {
        hint: "see docs/emulator-differences.md, or use --target modal",
        cause: error,
      });
    case FAILED_PRECONDITION:
      return new SystemError(details, {
        hint: details.includes("container engine") ? ENGINE_HINT : "parhelia doctor",
        cause: error,
      });
    default:
      return error;
  }
}

/** Whether the target does not answer, so that nobody knows what runs there. */
export function isUnreachable(error: unknown): boolean {
  return isGrpcError(error) && error.code === UNAVAILABLE;
}

/** The gRPC status of a refused request, or undefined for any other error. */
export function grpcStatus(error: unknown): number | undefined {
  return isGrpcError(error) ? error.code : undefined;
}

function isGrpcError(error: unknown): error is GrpcClientError {
  return error instanceof Error && error.name === "ClientError" && "details" in error;
}
