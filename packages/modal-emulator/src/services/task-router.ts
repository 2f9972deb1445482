import { ServerError, Status, type CallContext } from "nice-grpc";
import type { Exec, ExecRequest, OutputDestination } from "../containers/exec.ts";
import type { LiveSandbox } from "../containers/live-sandbox.ts";
import type { Sandboxes } from "../containers/sandboxes.ts";
import type { OutputFd } from "../containers/stdio.ts";
import type { EmulatorContext } from "../context.ts";
import {
  TaskExecStderrConfig,
  TaskExecStdoutConfig,
  type TaskCommandRouterServiceImplementation,
  type TaskExecStartRequest,
  type TaskExecStdinWriteStreamRequest,
} from "../generated/task_command_router.ts";
import { terminalVariables } from "./new-sandbox.ts";
import { resolveEnvironment } from "./secret-environment.ts";
import { Snapshots } from "./snapshots.ts";

/** The SDK gives each call 60 s and then asks again. */
const LONGEST_EXEC_WAIT_MS = 57_000;

/** No sandbox lives longer. */
const LONGEST_READY_WAIT_MS = 24 * 60 * 60 * 1000;

/** Modal's own program in each sandbox, behind the SDK's `sandbox.filesystem`. */
const FILESYSTEM_TOOLS = "/__modal/.bin/modal-sandbox-fs-tools";

const DEFAULT_ROWS = 24;
const DEFAULT_COLUMNS = 80;

/** The command router: the sandbox's own streams, and commands in it. */
export function taskRouterService(
  context: EmulatorContext,
  sandboxes: Sandboxes,
): TaskCommandRouterServiceImplementation {
  /** Streams of input that TaskExecStdinStatus has overtaken, by the exec they belong to. */
  const stdinStreams = new WeakMap<Exec, AbortController>();

  const snapshots = new Snapshots(context);

  const findExec = (request: { readonly taskId: string; readonly execId: string }) =>
    sandboxes.byTask(request.taskId).execs.get(request.execId);

  return {
    sandboxWaitUntilReady: async ({ taskId, timeout }, { signal }) => {
      const timeoutMs = Math.min(LONGEST_READY_WAIT_MS, Math.max(0, timeout) * 1000);
      const deadline = AbortSignal.timeout(Math.ceil(timeoutMs));
      const sandbox = sandboxes.byTask(taskId);
      try {
        const readyAtMs = await sandbox.waitUntilReady(AbortSignal.any([signal, deadline]));
        return { readyAt: readyAtMs / 1000 };
      } catch (error) {
        if (!deadline.aborted || error instanceof ServerError) throw error;
        throw new ServerError(
          Status.DEADLINE_EXCEEDED,
          `Sandbox ${sandbox.id} was not ready within ${timeout} s`,
        );
      }
    },

    sandboxStdioReadV2: async function* ({ taskId, offset, fileDescriptor }, { signal }) {
      const { output } = sandboxes.byTask(taskId);
      const fd: OutputFd = fileDescriptor === 1 ? 1 : 0;
      for await (const { data, offset: startingOffset } of output.read(fd, offset, signal)) {
        yield { data, startingOffset };
      }
    },

    sandboxStdinWriteV2: async ({ taskId, offset, data, eof }) => {
      const sandbox = runningTask(sandboxes, taskId);
      await sandbox.stdin.write(offset, data, eof);
      return {};
    },

    taskExecStart: async (request) => {
      const sandbox = runningTask(sandboxes, request.taskId);
      await sandbox.execs.start(request.execId, execRequest(context, request));
      return {};
    },

    taskExecStdioRead: async function* (request, { signal }) {
      const exec = await findExec(request);
      const fd: OutputFd = request.fileDescriptor === 1 ? 1 : 0;
      for await (const data of exec.read(fd, request.offset, signal)) yield { data };
    },

    taskExecStdinWrite: async (request) => {
      const exec = await findExec(request);
      await exec.stdin.write(request.offset, request.data, request.eof);
      return {};
    },

    taskExecStdinWriteStream: async (requests, callContext) => {
      await writeStream(requests, async (target) => {
        requireTaskToken(context, callContext, target.taskId);
        const exec = await findExec(target);
        const evicted = new AbortController();
        stdinStreams.get(exec)?.abort();
        stdinStreams.set(exec, evicted);
        return { exec, evicted: evicted.signal };
      });
      return {};
    },

    taskExecStdinStatus: async (request) => {
      const exec = await findExec(request);
      stdinStreams.get(exec)?.abort();
      return { numBytesWritten: exec.stdin.written, closed: exec.stdin.closed };
    },

    taskExecPoll: async (request) => {
      const code = (await findExec(request)).poll();
      return code === undefined ? {} : { exitStatus: { $case: "code", value: code } };
    },

    taskExecWait: async (request, { signal }) => {
      const exec = await findExec(request);
      const patience = AbortSignal.timeout(LONGEST_EXEC_WAIT_MS);
      try {
        const code = await exec.wait(AbortSignal.any([signal, patience]));
        return { exitStatus: { $case: "code", value: code } };
      } catch (error) {
        if (!patience.aborted || error instanceof ServerError) throw error;
        // The SDK asks again at this status; it takes an answer without a status for a mistake.
        throw new ServerError(Status.DEADLINE_EXCEEDED, `Exec '${request.execId}' still runs`);
      }
    },

    taskReloadVolumes: async ({ taskId, containerId }) => {
      refuseSidecar(containerId);
      await runningTask(sandboxes, taskId).reloadVolumes();
      return {};
    },

    taskSnapshotFilesystem: async (request) => {
      refuseSidecar(request.containerId);
      const sandbox = runningTask(sandboxes, request.taskId);
      return { imageId: await snapshots.take(sandbox, request) };
    },
  };
}

function execRequest(context: EmulatorContext, request: TaskExecStartRequest): ExecRequest {
  const { commandArgs, ptyInfo, timeoutSecs, workdir } = request;
  refuseSidecar(request.containerId);
  if (request.execId === "" || commandArgs.length === 0) {
    throw new ServerError(Status.INVALID_ARGUMENT, "a command needs an exec_id and arguments");
  }
  if (commandArgs[0] === FILESYSTEM_TOOLS) {
    throw new ServerError(
      Status.UNIMPLEMENTED,
      "modal-emulator does not serve sandbox.filesystem; run cat, ls or cp with sandbox.exec instead",
    );
  }
  return {
    command: commandArgs,
    env: {
      ...terminalVariables(request),
      ...resolveEnvironment(context.store, {
        secretSources: request.secretSources,
        secretIds: request.secretIds,
        variables: [request.env],
      }),
    },
    workdir: workdir === "" ? undefined : workdir,
    stdout:
      request.stdoutConfig === TaskExecStdoutConfig.TASK_EXEC_STDOUT_CONFIG_PIPE
        ? "pipe"
        : "ignore",
    stderr: stderrDestination(request.stderrConfig),
    timeoutMs: timeoutSecs ? timeoutSecs * 1000 : undefined,
    terminal: ptyInfo?.enabled
      ? { rows: ptyInfo.winszRows || DEFAULT_ROWS, columns: ptyInfo.winszCols || DEFAULT_COLUMNS }
      : undefined,
  };
}

function stderrDestination(config: TaskExecStderrConfig): OutputDestination {
  switch (config) {
    case TaskExecStderrConfig.TASK_EXEC_STDERR_CONFIG_PIPE:
      return "pipe";
    case TaskExecStderrConfig.TASK_EXEC_STDERR_CONFIG_STDOUT:
      return "stdout";
    case TaskExecStderrConfig.TASK_EXEC_STDERR_CONFIG_DEVNULL:
    case TaskExecStderrConfig.UNRECOGNIZED:
      return "ignore";
  }
}

/** @throws ServerError NOT_FOUND, as Modal says of a sandbox that has shut down */
function runningTask(sandboxes: Sandboxes, taskId: string): LiveSandbox {
  const sandbox = sandboxes.byTask(taskId);
  const { result } = sandbox.record;
  if (result !== undefined) {
    throw new ServerError(
      Status.NOT_FOUND,
      `Sandbox ${sandbox.id} has already finished: ${result.reason}`,
    );
  }
  return sandbox;
}

function refuseSidecar(containerId: string): void {
  if (containerId === "") return;
  throw new ServerError(Status.UNIMPLEMENTED, "modal-emulator does not serve sidecar containers");
}

/** A stream's request says only in its first message which task it is for. */
function requireTaskToken(context: EmulatorContext, call: CallContext, taskId: string): void {
  const bearer = call.metadata.get("authorization")?.replace(/^Bearer /, "") ?? "";
  if (context.tokens.verify(bearer) === `task:${taskId}`) return;
  throw new ServerError(Status.PERMISSION_DENIED, `The token is not for task ${taskId}`);
}

interface StdinTarget {
  readonly taskId: string;
  readonly execId: string;
}

/** Writes a stream of a start, data, and an end, which closes the input. */
async function writeStream(
  requests: AsyncIterable<TaskExecStdinWriteStreamRequest>,
  begin: (target: StdinTarget) => Promise<{ exec: Exec; evicted: AbortSignal }>,
): Promise<void> {
  let stream: { exec: Exec; evicted: AbortSignal } | undefined;
  let offset = 0;
  for await (const { payload } of requests) {
    if (payload?.$case === "start") {
      stream = await begin(payload.value);
      offset = payload.value.offset;
      continue;
    }
    if (stream === undefined) {
      throw new ServerError(Status.INVALID_ARGUMENT, "a stream of input begins with its start");
    }
    if (stream.evicted.aborted) {
      throw new ServerError(Status.ABORTED, "another stream of input has taken this one's place");
    }
    const data = payload?.$case === "data" ? payload.value : new Uint8Array(0);
    await stream.exec.stdin.write(offset, data, payload?.$case === "end");
    offset += data.length;
  }
}
