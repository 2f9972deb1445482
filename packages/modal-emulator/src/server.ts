import { timingSafeEqual } from "node:crypto";
import {
  createServer,
  ServerError,
  Status,
  type CallContext,
  type Server,
  type ServerMiddlewareCall,
} from "nice-grpc";
import { isEngineGone } from "./containers/engine-connection.ts";
import type { ModalClientServiceImplementation } from "./generated/modal_client.ts";
import type { RequestLog } from "./request-log.ts";
import { authenticationService } from "./services/authentication.ts";
import type { EmulatorContext } from "./context.ts";
import { environmentAndAppService } from "./services/environments-and-apps.ts";
import { functionCallService } from "./services/function-calls.ts";
import { functionService } from "./services/functions.ts";
import { imageService } from "./services/images.ts";
import { sandboxService } from "./services/sandboxes.ts";
import { secretService } from "./services/secrets.ts";
import { taskRouterService } from "./services/task-router.ts";
import { completeModalClient, completeTaskCommandRouter } from "./services/unimplemented.ts";
import type { VolumeDownloads } from "./services/volume-downloads.ts";
import { volumeFileService } from "./services/volume-files.ts";
import { volumeService } from "./services/volumes.ts";
import type { Sandboxes } from "./containers/sandboxes.ts";

const MAX_MESSAGE_BYTES = 100 * 1024 * 1024;

/**
 * One gRPC server for the control plane and the command router. Modal's SDK dials both in plaintext when
 * they are on loopback, so one port serves both.
 */
export function createEmulatorServer(
  context: EmulatorContext,
  sandboxes: Sandboxes,
  requestLog: RequestLog,
  downloads: VolumeDownloads,
): Server {
  // Named with its full type: a method that the protocol gains and nobody serves breaks the build here.
  const modalClient: ModalClientServiceImplementation = {
    ...authenticationService(context),
    ...environmentAndAppService(context),
    ...imageService(context),
    ...volumeService(context, downloads.files),
    ...volumeFileService(context, downloads),
    ...secretService(context),
    ...sandboxService(context, sandboxes),
    ...functionService(context),
    ...functionCallService(context, sandboxes),
  };
  const client = completeModalClient({ ...modalClient });
  const router = completeTaskCommandRouter({ ...taskRouterService(context, sandboxes) });

  const server = createServer({
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  })
    .use(logRequests(requestLog))
    .use(translateErrors(context))
    .use(authenticate(context));
  server.add(client.definition, client.implementation as never);
  server.add(router.definition, router.implementation as never);
  return server;
}

/** Writes a line for every request, whatever becomes of it. */
function logRequests(requestLog: RequestLog) {
  return async function* <Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ) {
    const startMs = Date.now();
    let status: Status = Status.CANCELLED; // what a generator that is dropped half-way stands for
    try {
      const result = yield* call.next(call.request, context);
      status = Status.OK;
      return result;
    } catch (error) {
      status = error instanceof ServerError ? error.code : Status.UNKNOWN;
      throw error;
    } finally {
      requestLog.write({
        method: call.method.path,
        startMs,
        endMs: Date.now(),
        status: Status[status],
      });
    }
  };
}

/**
 * Gives errors a status that the SDK does not answer by asking again (it repeats INTERNAL and UNKNOWN),
 * and keeps the details of our own mistakes in our log.
 */
function translateErrors(context: EmulatorContext) {
  return async function* <Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    callContext: CallContext,
  ) {
    try {
      return yield* call.next(call.request, callContext);
    } catch (error) {
      if (error instanceof ServerError || isAbort(error)) throw error;
      if (isEngineGone(error)) {
        context.engine.forget();
        throw new ServerError(
          Status.FAILED_PRECONDITION,
          `the container engine stopped answering (${(error as NodeJS.ErrnoException).code ?? "no answer"})`,
        );
      }
      context.log(`${call.method.path}: ${error instanceof Error ? error.stack : String(error)}`);
      throw new ServerError(
        Status.FAILED_PRECONDITION,
        `modal-emulator failed in ${call.method.path}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** Lets through only this user: by token id and secret, or, to a command router, by the task's token. */
function authenticate(context: EmulatorContext) {
  return async function* <Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    callContext: CallContext,
  ) {
    if (call.method.path.startsWith("/modal.task_command_router.")) {
      requireTaskToken(context, callContext, call.requestStream ? undefined : call.request);
    } else {
      requireUserToken(context, callContext);
    }
    return yield* call.next(call.request, callContext);
  };
}

function requireUserToken(context: EmulatorContext, callContext: CallContext): void {
  const { tokenId, tokenSecret } = context.store.credentials;
  const { metadata } = callContext;
  const known =
    sameText(metadata.get("x-modal-token-id"), tokenId) &&
    sameText(metadata.get("x-modal-token-secret"), tokenSecret);
  if (!known) {
    throw new ServerError(Status.UNAUTHENTICATED, "Token missing or not this user's");
  }
}

function requireTaskToken(
  context: EmulatorContext,
  callContext: CallContext,
  request: unknown,
): void {
  const bearer = callContext.metadata.get("authorization")?.replace(/^Bearer /, "") ?? "";
  const subject = context.tokens.verify(bearer);
  if (subject === undefined) {
    throw new ServerError(Status.UNAUTHENTICATED, "Task token missing, wrong or expired");
  }
  const taskId = (request as { taskId?: string } | undefined)?.taskId;
  if (taskId !== undefined && subject !== `task:${taskId}`) {
    throw new ServerError(Status.PERMISSION_DENIED, `The token is not for task ${taskId}`);
  }
}

function sameText(given: string | undefined, expected: string): boolean {
  if (given?.length !== expected.length) return false;
  return timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}
