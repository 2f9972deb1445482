import type { CallContext } from "nice-grpc";
import type { LiveSandbox } from "../containers/live-sandbox.ts";
import type { Sandboxes } from "../containers/sandboxes.ts";
import type { EmulatorContext } from "../context.ts";
import type { ModalClientServiceImplementation } from "../generated/modal_client.ts";
import type { SandboxBackend } from "../state/identifiers.ts";
import { newSandbox } from "./new-sandbox.ts";
import { genericResult, resultWithin, tagList, tagRecord } from "./sandbox-answers.ts";
import { serveInput, serveLogs } from "./sandbox-logs.ts";
import { describe, listed, namedSandbox } from "./sandbox-queries.ts";

type Served<Method extends keyof ModalClientServiceImplementation> = Pick<
  ModalClientServiceImplementation,
  Method
>;

type V2Methods =
  | "sandboxCreateV2"
  | "sandboxGetTaskIdV2"
  | "sandboxGetCommandRouterAccess"
  | "sandboxWaitV2"
  | "sandboxTerminateV2"
  | "sandboxListV2"
  | "sandboxGetFromNameV2"
  | "sandboxTagsSetV2"
  | "sandboxTagsGetV2"
  | "sandboxSetName";

type V1Methods =
  | "sandboxCreate"
  | "sandboxGetTaskId"
  | "taskGetCommandRouterAccess"
  | "sandboxWait"
  | "sandboxTerminate"
  | "sandboxList"
  | "sandboxGetFromName"
  | "sandboxTagsSet"
  | "sandboxTagsGet"
  | "sandboxGetLogs"
  | "sandboxStdinWrite";

/**
 * Sandboxes: the control plane's side (SPEC-01.10, .12, .14). The two backends differ in how a sandbox is
 * made, named and listened to; what runs is the same.
 */
export function sandboxService(
  context: EmulatorContext,
  sandboxes: Sandboxes,
): Served<V1Methods | V2Methods> {
  return { ...v2Service(context, sandboxes), ...v1Service(context, sandboxes) };
}

/** Modal's newer backend: what the SDK uses, unless a GPU is asked for. */
function v2Service(context: EmulatorContext, sandboxes: Sandboxes): Served<V2Methods> {
  const common = commonMethods(context, sandboxes);
  return {
    sandboxCreateV2: async (request, call) => {
      const sandbox = await common.create(request, "V2", call);
      return {
        sandboxId: sandbox.id,
        taskId: sandbox.taskId,
        metadata: { appId: request.appId },
        commandRouterAccess: commandRouterAccess(context, sandbox),
      };
    },
    sandboxGetTaskIdV2: common.getTaskId,
    sandboxGetCommandRouterAccess: ({ sandboxId, taskId }) => {
      const sandbox =
        sandboxId === undefined ? sandboxes.byTask(taskId ?? "") : sandboxes.get(sandboxId);
      const access = commandRouterAccess(context, sandbox);
      return Promise.resolve({ ...access, workerIpv4Address: "127.0.0.1" });
    },
    sandboxWaitV2: common.wait,
    sandboxTerminateV2: common.terminate,
    // Of both backends, as Modal's.
    sandboxListV2: (request) =>
      Promise.resolve({ sandboxes: listed(context, sandboxes, request).map(describe) }),
    sandboxGetFromNameV2: (request) => {
      const { id, appId } = namedSandbox(context, sandboxes, request, "V2");
      return Promise.resolve({ sandboxId: id, metadata: { appId } });
    },
    sandboxTagsSetV2: common.setTags,
    sandboxTagsGetV2: common.getTags,
    sandboxSetName: ({ sandboxId, name }) => {
      sandboxes.rename(sandboxId, name);
      return Promise.resolve({});
    },
  };
}

/** Modal's older backend: the one with GPUs, and the one that `MODAL_SANDBOX_V2=0` asks for. */
function v1Service(context: EmulatorContext, sandboxes: Sandboxes): Served<V1Methods> {
  const common = commonMethods(context, sandboxes);
  return {
    sandboxCreate: async (request, call) => {
      const sandbox = await common.create(request, "V1", call);
      return { sandboxId: sandbox.id, metadata: { appId: request.appId } };
    },
    sandboxGetTaskId: common.getTaskId,
    taskGetCommandRouterAccess: ({ taskId }) =>
      Promise.resolve(commandRouterAccess(context, sandboxes.byTask(taskId))),
    sandboxWait: common.wait,
    sandboxTerminate: common.terminate,
    sandboxList: (request) =>
      Promise.resolve({ sandboxes: listed(context, sandboxes, request, "V1").map(describe) }),
    sandboxGetFromName: (request) => {
      const { id, appId } = namedSandbox(context, sandboxes, request, "V1");
      return Promise.resolve({ sandboxId: id, metadata: { appId } });
    },
    sandboxTagsSet: common.setTags,
    sandboxTagsGet: common.getTags,
    sandboxGetLogs: serveLogs(sandboxes),
    sandboxStdinWrite: serveInput(sandboxes),
  };
}

/** What both backends answer alike. */
function commonMethods(context: EmulatorContext, sandboxes: Sandboxes) {
  const { store } = context;
  return {
    create: async (
      request: Parameters<typeof newSandbox>[1],
      backend: SandboxBackend,
      { metadata, signal }: CallContext,
    ): Promise<LiveSandbox> => {
      const idempotencyKey = metadata.get("x-idempotency-key") ?? "";
      return sandboxes.create(await newSandbox(context, request, backend, idempotencyKey), signal);
    },

    getTaskId: ({ sandboxId }: { readonly sandboxId: string }) => {
      const { taskId, result } = sandboxes.get(sandboxId).record;
      // Also for one that has ended: its output can still be read.
      return Promise.resolve({
        taskId,
        ...(result === undefined ? {} : { taskResult: genericResult(result) }),
      });
    },

    wait: async (
      { sandboxId, timeout }: { readonly sandboxId: string; readonly timeout: number },
      { signal }: CallContext,
    ) => {
      const sandbox = sandboxes.get(sandboxId);
      const result = await resultWithin(sandbox, timeout, signal);
      const { appId } = sandbox.record;
      // Without a result while it runs: the SDK takes any result for the end.
      if (result === undefined) return { metadata: { appId } };
      return { result: genericResult(result), metadata: { appId, result: genericResult(result) } };
    },

    terminate: ({ sandboxId }: { readonly sandboxId: string }) => {
      const sandbox = sandboxes.get(sandboxId);
      const { result } = sandbox.record;
      sandbox.end("terminated");
      return Promise.resolve(result === undefined ? {} : { existingResult: genericResult(result) });
    },

    setTags: ({
      sandboxId,
      tags,
    }: {
      sandboxId: string;
      tags: Parameters<typeof tagRecord>[0];
    }) => {
      sandboxes.get(sandboxId);
      store.sandboxes.update(sandboxId, { tags: tagRecord(tags) });
      return Promise.resolve({});
    },

    getTags: ({ sandboxId }: { readonly sandboxId: string }) =>
      Promise.resolve({ tags: tagList(sandboxes.get(sandboxId).record.tags) }),
  };
}

function commandRouterAccess(context: EmulatorContext, { taskId }: LiveSandbox) {
  return {
    jwt: context.tokens.issue(`task:${taskId}`),
    // The SDK demands this spelling, and then dials loopback in plaintext.
    url: `https://${context.address()}`,
  };
}
