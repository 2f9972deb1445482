import type Docker from "dockerode";
import { drain, inspectEngineExec, startEngineExec } from "./engine-exec.ts";
import type { OutputChunk } from "./stdio.ts";

/** What a command needs done before it begins. */
export interface Prologue {
  /** Print the process id, as a line of its own: the engine does not say which process a command is. */
  readonly announcePid: boolean;
  /** Set the size of the terminal: engines before API 1.42 cannot do so before a command looks at it. */
  readonly terminalSize: { readonly rows: number; readonly columns: number } | undefined;
}

/** The command behind its prologue: a shell that does it, and then becomes the command. */
export function withPrologue(command: readonly string[], prologue: Prologue): string[] {
  const { announcePid, terminalSize: size } = prologue;
  const steps = [
    ...(announcePid ? ["echo $$"] : []),
    ...(size === undefined ? [] : [`stty rows ${size.rows} cols ${size.columns} 2>/dev/null`]),
  ];
  if (steps.length === 0) return [...command];
  return ["sh", "-c", [...steps, 'exec "$@"'].join("; "), "sh", ...command];
}

/** Takes the process id off the output of such a command. `onPid` gets it, or undefined if there was none. */
export async function* withoutAnnouncement(
  chunks: AsyncIterable<OutputChunk>,
  onPid: (pid: number | undefined) => void,
): AsyncGenerator<OutputChunk> {
  let begin: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (begin === undefined || chunk.fd !== 0) {
      yield chunk;
      continue;
    }
    begin = Buffer.concat([begin, chunk.data]);
    const lineEnd = begin.indexOf("\n");
    if (lineEnd === -1) continue;
    const pid = /^\d+\r?\n/.exec(begin.subarray(0, lineEnd + 1).toString());
    onPid(pid === null ? undefined : Number(pid[0]));
    const data = pid === null ? begin : begin.subarray(lineEnd + 1);
    begin = undefined;
    if (data.length > 0) yield { fd: 0, data };
  }
  if (begin !== undefined && begin.length > 0) yield { fd: 0, data: begin };
  onPid(undefined);
}

/**
 * Kills a process of a container, not its children.
 * @throws Error when there is no such process
 */
export async function killProcess(
  docker: Docker,
  containerName: string,
  pid: number,
): Promise<void> {
  const { exec, socket } = await startEngineExec(docker, containerName, {
    AttachStdin: false,
    Cmd: ["sh", "-c", 'kill -9 "$1"', "sh", String(pid)],
    User: "0",
  });
  await drain(socket);
  const { exitCode } = await inspectEngineExec(exec);
  if (exitCode !== 0) throw new Error(`no process ${pid}`);
}
