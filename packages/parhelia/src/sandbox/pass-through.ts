import type { Readable, Writable } from "node:stream";
import { once } from "node:events";
import { coalesce } from "./coalesce.ts";
import type { RunningCommand } from "./exec.ts";

/** The streams of the program that a command is passed through to. */
export interface LocalStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Signals that a person or a program sends to the command by sending them to us. */
const PASSED_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/**
 * Connects a command in a sandbox with this process: bytes both ways unchanged, signals passed on.
 * @returns the command's exit status
 */
export async function passThrough(command: RunningCommand, streams: LocalStreams): Promise<number> {
  const stopPassing = passSignals(command);
  const finished = new AbortController();
  try {
    const input = passInput(streams.stdin, command, finished.signal);
    const [exitStatus] = await Promise.all([
      command.wait(),
      pumpOutput(command.stdout, streams.stdout),
      pumpOutput(command.stderr, streams.stderr),
    ]);
    finished.abort();
    await input;
    return exitStatus;
  } finally {
    stopPassing();
    streams.stdin.destroy();
  }
}

function passSignals(command: RunningCommand): () => void {
  const listeners = PASSED_SIGNALS.map((name) => {
    const listener = () => {
      command.signal(name.slice("SIG".length)).catch(() => undefined); // it has just ended
    };
    process.on(name, listener);
    return { name, listener };
  });
  return () => {
    for (const { name, listener } of listeners) process.off(name, listener);
  };
}

/** The command's input ends when ours does. It need not read all of it. */
async function passInput(
  source: Readable,
  command: RunningCommand,
  finished: AbortSignal,
): Promise<void> {
  try {
    await pumpInput(source, command, finished);
    await command.stdin.close();
  } catch {
    // The command has ended, or closed its input: what it left unread has nowhere to go.
    if (!finished.aborted) await command.closeStdin().catch(() => undefined);
  }
}

/**
 * Copies until our input ends, or the command does; its own input stays open.
 * @throws whatever our input, or writing to the command, fails with
 */
export async function pumpInput(
  source: Readable,
  command: RunningCommand,
  finished: AbortSignal,
): Promise<void> {
  const writer = command.stdin.getWriter();
  const stop = () => {
    source.destroy();
  };
  finished.addEventListener("abort", stop);
  try {
    for await (const chunk of coalesce(source)) await writer.write(chunk);
  } finally {
    finished.removeEventListener("abort", stop);
    writer.releaseLock();
  }
}

/** Copies to the end, no faster than it is taken. */
export async function pumpOutput(source: AsyncIterable<Uint8Array>, sink: Writable): Promise<void> {
  for await (const chunk of source) {
    if (!sink.write(chunk)) await once(sink, "drain");
  }
}
