import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { PreparedServer } from "./prepare-server.ts";

/** From the end of input to TERM, and from there to KILL. Both together fit into the launcher's own end. */
const END_OF_INPUT_MS = 200;
const TERM_MS = 400;

/** What a process may still have written when it ends. */
const LAST_WORDS_MS = 100;

/** Of what a server says, this much may explain its end. */
const TAIL_CHARACTERS = 1_000;

/** Process groups that are to end with this process, however it ends. */
const groups = new Set<number>();
process.on("exit", () => {
  for (const group of groups) signalGroup(group, "SIGKILL");
});

/** A server that runs, with all that it started. */
export interface ServerProcess {
  /** Null when it could not be started. */
  readonly pid: number | null;
  /** A stdio server's; null otherwise. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  /** Resolves with how it ended and its last words, as one sentence; what it started is gone then. */
  readonly ended: Promise<string>;
  /** Ends it and what it started: by the end of its input, then TERM, then KILL. */
  readonly stop: () => Promise<void>;
}

/** Starts a server in a process group of its own: programs such as npx start the real server. */
export function startServerProcess({ server, environment, cwd }: PreparedServer): ServerProcess {
  const speaks = server.transport === "stdio";
  const child = spawn(server.command ?? "", server.args, {
    env: environment,
    cwd,
    detached: true,
    stdio: [speaks ? "pipe" : "ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid !== undefined) groups.add(pid);
  const lastWords = tailOf(speaks ? [child.stderr] : [child.stdout, child.stderr]);
  // It may end before it has read everything.
  child.stdin?.on("error", () => undefined);

  const exited = new Promise<string>((resolve) => {
    child.on("error", (error) => {
      resolve(`could not be started: ${error.message}`);
    });
    child.on("exit", (code, signal) => {
      if (pid !== undefined) {
        signalGroup(pid, "SIGKILL"); // what it left behind
        groups.delete(pid);
      }
      resolve(signal === null ? `ended with status ${code}` : `ended by ${signal}`);
    });
  });

  return {
    pid: pid ?? null,
    stdin: speaks ? child.stdin : null,
    stdout: speaks ? child.stdout : null,
    ended: exited.then(async (how) => {
      const words = await lastWords();
      return words === "" ? how : `${how}: ${words}`;
    }),
    async stop() {
      if (pid === undefined || !groups.has(pid)) return;
      if (speaks) {
        child.stdin?.end();
        if (await endsWithin(exited, END_OF_INPUT_MS)) return;
      }
      signalGroup(pid, "SIGTERM");
      if (await endsWithin(exited, TERM_MS)) return;
      signalGroup(pid, "SIGKILL");
      await exited;
    },
  };
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nothing is left of it.
  }
}

function endsWithin(ended: Promise<unknown>, limitMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), limitMs);
  void ended.then(() => resolve(true));
  return promise.finally(() => clearTimeout(timer));
}

/** Reads streams all the time, so that their writer never waits; gives the end of what they said. */
function tailOf(streams: readonly (Readable | null)[]): () => Promise<string> {
  let tail = "";
  const ends = streams.map((stream) => {
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      tail = (tail + text).slice(-TAIL_CHARACTERS);
    });
    return new Promise((resolve) => stream?.on("end", resolve));
  });
  return async () => {
    await endsWithin(Promise.all(ends), LAST_WORDS_MS);
    return tail.trim();
  };
}
