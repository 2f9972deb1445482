import { setTimeout as delay } from "node:timers/promises";
import { ServerError, Status } from "nice-grpc";
import type { LiveSandbox } from "../containers/live-sandbox.ts";
import type { Sandboxes } from "../containers/sandboxes.ts";
import type { OutputFd } from "../containers/stdio.ts";
import type { EmulatorContext } from "../context.ts";
import {
  DataFormat,
  GenericResultGenericStatus as GenericStatus,
  SandboxCreateV2Request,
  type FunctionPutInputsItem,
  type FunctionInput,
  type ModalClientServiceImplementation,
} from "../generated/modal_client.ts";
import { newIdentifier } from "../state/identifiers.ts";
import type { FunctionInputRecord, SandboxResult } from "../state/records.ts";
import { commandInput, returnValue } from "./function-data.ts";
import { newSandbox } from "./new-sandbox.ts";
import { genericResult } from "./sandbox-answers.ts";

/** The SDK asks for 55 s and repeats. */
const LONGEST_WAIT_S = 55;

/** Of what a command wrote on standard error, this much explains why it has no result. */
const TAIL_CHARACTERS = 2_000;

type CallMethods =
  | "functionMap"
  | "functionPutInputs"
  | "functionRetryInputs"
  | "functionGetOutputs"
  | "functionCallFromId"
  | "functionCallCancel";

/**
 * Calls of Functions: each input runs in a container of its own, whose command gets the argument as JSON on
 * standard input and prints what the Function returns as its last line. What is known of a call is in the
 * records of its containers, so that it outlives the emulator's process.
 */
export function functionCallService(
  context: EmulatorContext,
  sandboxes: Sandboxes,
): Pick<ModalClientServiceImplementation, CallMethods> {
  const { store } = context;

  async function run(of: FunctionInputRecord, input: FunctionInput | undefined): Promise<void> {
    const called = store.functions.get(of.functionId);
    if (called === undefined) throw notFound("Function", of.functionId);
    const argument = commandInput(input);
    const { appId, definition } = called;
    const request = SandboxCreateV2Request.fromPartial({ appId, definition });
    const container = await newSandbox(context, request, "V2", "");
    // To its end, also when the caller goes away.
    const { signal } = new AbortController();
    const sandbox = await sandboxes.create({ ...container, functionInput: of }, signal);
    // Here before the caller knows of the call. A command that ends without reading it says why.
    await sandbox.stdin.write(0, Buffer.from(argument), true).catch(() => undefined);
  }

  /** What the SDK calls tokens of call and input are their identifiers: it has proved who it is. */
  function put(functionId: string, callId: string, items: readonly FunctionPutInputsItem[]) {
    return Promise.all(
      items.map(async ({ idx, input }) => {
        const inputId = newIdentifier("in");
        await run({ functionId, callId, inputId, index: idx }, input);
        return { idx, inputId, inputJwt: inputId };
      }),
    );
  }

  /** One container for each input: the one that was started last. */
  function containersOf(callId: string): LiveSandbox[] {
    const byInput = new Map<string, string>();
    for (const { id, functionInput } of sandboxes.records()) {
      if (functionInput?.callId !== callId || byInput.has(functionInput.inputId)) continue;
      byInput.set(functionInput.inputId, id);
    }
    if (byInput.size === 0) throw notFound("Function call", callId);
    return [...byInput.values()].map((id) => sandboxes.get(id));
  }

  return {
    functionMap: async ({ functionId, pipelinedInputs }) => {
      const callId = newIdentifier("fc");
      const inputs = await put(functionId, callId, pipelinedInputs);
      return { functionCallId: callId, functionCallJwt: callId, pipelinedInputs: inputs };
    },

    functionPutInputs: async ({ functionId, functionCallId, inputs }) => ({
      inputs: await put(functionId, functionCallId, inputs),
    }),

    functionRetryInputs: async ({ functionCallJwt, inputs }) => {
      const known = containersOf(functionCallJwt).map(({ record }) => record.functionInput);
      await Promise.all(
        inputs.map(async ({ inputJwt, input }) => {
          const of = known.find((each) => each?.inputId === inputJwt);
          if (of === undefined) throw notFound("Input", inputJwt);
          await run(of, input);
        }),
      );
      return { inputJwts: inputs.map(({ inputJwt }) => inputJwt) };
    },

    functionGetOutputs: async ({ functionCallId, maxValues, timeout, lastEntryId }, { signal }) => {
      const seen = Number.parseInt(lastEntryId, 10) || 0;
      const containers = containersOf(functionCallId);
      await waitForOutput(containers, seen, timeout, signal);
      const ended = containers
        .filter(({ record }) => record.result !== undefined)
        .sort((one, other) => endOf(one) - endOf(other));
      const news = ended.slice(seen, seen + Math.max(1, maxValues));
      const outputs = await Promise.all(news.map(outputOf));
      return {
        idxs: outputs.map(({ idx }) => idx),
        outputs,
        lastEntryId: `${seen + outputs.length}-0`,
        numUnfinishedInputs: containers.length - ended.length,
      };
    },

    functionCallFromId: ({ functionCallId }) =>
      Promise.resolve({ functionCallId, numInputs: containersOf(functionCallId).length }),

    functionCallCancel: ({ functionCallId }) => {
      for (const container of containersOf(functionCallId)) container.end("terminated");
      return Promise.resolve({});
    },
  };
}

/** Until more than `seen` have ended, or the time is over. @throws AbortError when the caller has gone */
async function waitForOutput(
  containers: readonly LiveSandbox[],
  seen: number,
  timeoutS: number,
  signal: AbortSignal,
): Promise<void> {
  const settled = new AbortController();
  const either = AbortSignal.any([signal, settled.signal]);
  const running = containers.filter(({ record }) => record.result === undefined);
  if (containers.length - running.length > seen || running.length === 0 || timeoutS <= 0) return;
  const timeoutMs = Math.min(LONGEST_WAIT_S, timeoutS) * 1000;
  try {
    await Promise.race([
      delay(timeoutMs, undefined, { signal: either }),
      ...running.map((container) => container.waitForEnd(either)),
    ]);
  } finally {
    settled.abort();
  }
}

function endOf({ record }: LiveSandbox): number {
  return record.result?.endedAtMs ?? Infinity;
}

async function outputOf(container: LiveSandbox) {
  const { functionInput, result, taskId } = container.record;
  return {
    result: await functionResult(container, result as SandboxResult),
    idx: functionInput?.index ?? 0,
    inputId: functionInput?.inputId ?? "",
    dataFormat: DataFormat.DATA_FORMAT_CBOR,
    taskId,
    outputCreatedAt: endOf(container) / 1000,
  };
}

/** A command that printed a result returned it, whatever its exit status. */
async function functionResult(container: LiveSandbox, result: SandboxResult) {
  if (result.outcome !== "exited") return genericResult(result);
  const data = returnValue(await textOf(container, 0));
  if (data !== undefined) {
    return { status: GenericStatus.GENERIC_STATUS_SUCCESS, exception: "", data };
  }
  const words = (await textOf(container, 1)).trim().slice(-TAIL_CHARACTERS);
  const exception = [`${result.reason} and no result`, words].filter((text) => text !== "");
  return { status: GenericStatus.GENERIC_STATUS_FAILURE, exception: exception.join(": ") };
}

/** All of it: the container has ended. */
async function textOf(container: LiveSandbox, fd: OutputFd): Promise<string> {
  const pieces: Uint8Array[] = [];
  const { signal } = new AbortController();
  for await (const { data } of container.output.read(fd, 0, signal)) pieces.push(data);
  return Buffer.concat(pieces).toString();
}

function notFound(kind: string, id: string): ServerError {
  return new ServerError(Status.NOT_FOUND, `${kind} '${id}' not found`);
}
