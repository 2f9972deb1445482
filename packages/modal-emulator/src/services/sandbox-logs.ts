import type { CallContext } from "nice-grpc";
import type { LiveSandbox } from "../containers/live-sandbox.ts";
import type { Sandboxes } from "../containers/sandboxes.ts";
import type { OutputFd } from "../containers/stdio.ts";
import {
  FileDescriptor,
  type SandboxGetLogsRequest,
  type SandboxStdinWriteRequest,
} from "../generated/modal_client.ts";

/** The SDK asks for 55 s and then again. */
const LONGEST_STREAM_S = 55;

/**
 * `SandboxGetLogs`: the output of a V1 sandbox's own process, as text. An entry's identifier is the offset
 * behind it, so that a client goes on where it was, and no character is ever cut in two.
 */
export function serveLogs(sandboxes: Sandboxes) {
  return async function* (
    { sandboxId, fileDescriptor, timeout, lastEntryId }: SandboxGetLogsRequest,
    { signal }: CallContext,
  ) {
    const { output } = sandboxes.get(sandboxId);
    const fd: OutputFd = fileDescriptor === FileDescriptor.FILE_DESCRIPTOR_STDERR ? 1 : 0;
    const timeUp = AbortSignal.timeout(Math.min(LONGEST_STREAM_S, timeout) * 1000);
    let rest: Buffer = Buffer.alloc(0);
    let end = Number.parseInt(lastEntryId, 10) || 0;
    const batch = (text: Buffer, eof: boolean) => ({
      items: text.length === 0 ? [] : [{ data: text.toString("utf8"), fileDescriptor }],
      entryId: `${(end += text.length)}-0`,
      eof,
      sandboxId,
    });
    try {
      for await (const { data, offset } of output.read(
        fd,
        end,
        AbortSignal.any([signal, timeUp]),
      )) {
        if (rest.length === 0) end = offset; // behind what was no longer kept
        const bytes = Buffer.concat([rest, data]);
        const complete = completeLength(bytes);
        rest = bytes.subarray(complete);
        if (complete > 0) yield batch(bytes.subarray(0, complete), false);
      }
    } catch (error) {
      // Ends without `eof`: the client asks for what follows.
      if (timeUp.aborted && !signal.aborted) return;
      throw error;
    }
    yield batch(rest, true);
  };
}

/** `SandboxStdinWrite`: pieces are numbered from 1, so that a repeated request writes nothing twice. */
export function serveInput(sandboxes: Sandboxes) {
  const lastIndexes = new WeakMap<LiveSandbox, number>();
  return async ({ sandboxId, input, index, eof }: SandboxStdinWriteRequest) => {
    const sandbox = sandboxes.get(sandboxId);
    if (index <= (lastIndexes.get(sandbox) ?? 0)) return {};
    await sandbox.stdin.write(sandbox.stdin.written, input, eof);
    lastIndexes.set(sandbox, index);
    return {};
  };
}

const CONTINUATION = 0b1000_0000;
const CONTINUATION_MASK = 0b1100_0000;
const LONGEST_CHARACTER = 4;

/** How many bytes there are before a character of UTF-8 whose end has not come yet. */
function completeLength(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(LONGEST_CHARACTER, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & CONTINUATION_MASK) === CONTINUATION) continue;
    return characterLength(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function characterLength(firstByte: number): number {
  if (firstByte >= 0b1111_0000) return 4;
  if (firstByte >= 0b1110_0000) return 3;
  return firstByte >= 0b1100_0000 ? 2 : 1;
}
