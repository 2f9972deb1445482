import { spawn, type ChildProcess } from "node:child_process";

/** Where git runs, and what it is told besides its arguments. */
export interface GitPlace {
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Git ended with another status than 0. The message is what it said. */
export class GitFailure extends Error {
  override readonly name = "GitFailure";
}

/** Nothing that a repository brings is run, and nothing is tidied up behind a user's back. */
const CONFIGURATION = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.quotePath=false",
  "core.splitIndex=false",
  "diff.autoRefreshIndex=false",
  "gc.auto=0",
  "maintenance.auto=false",
].flatMap((setting) => ["-c", setting]);

/** What would lead git to another repository than the one of its directory. */
const LOCAL_VARIABLES =
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|PREFIX|NAMESPACE|CONFIG.*|SHALLOW_FILE|GRAFT_FILE|QUARANTINE_PATH)$/;

/**
 * Starts git. Its index is never refreshed on the way (GIT_OPTIONAL_LOCKS).
 * @param stdio as of `spawn`
 */
export function startGit(
  { directory, env }: GitPlace,
  args: readonly string[],
  stdio: ("pipe" | "ignore" | "inherit" | number)[] = ["pipe", "pipe", "pipe"],
): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !LOCAL_VARIABLES.test(name));
  return spawn("git", [...CONFIGURATION, ...args], {
    cwd: directory,
    env: {
      ...Object.fromEntries(inherited),
      GIT_OPTIONAL_LOCKS: "0",
      GIT_TERMINAL_PROMPT: "0",
      GIT_NO_REPLACE_OBJECTS: "1",
      LC_ALL: "C",
      ...env,
    },
    stdio,
  });
}

/**
 * Runs git to its end.
 * @param input for its standard input
 * @returns what it printed, as Latin-1: one character a byte, since names of files may be any bytes
 * @throws GitFailure with what it said
 */
export async function runGit(
  place: GitPlace,
  args: readonly string[],
  input = "",
): Promise<string> {
  const child = startGit(place, args);
  const output: Buffer[] = [];
  child.stdout?.on("data", (data: Buffer) => output.push(data));
  child.stdin?.on("error", () => undefined); // it says why it has ended
  child.stdin?.end(Buffer.from(input, "latin1"));
  await ended(child, args);
  return Buffer.concat(output).toString("latin1");
}

/** Like `runGit`; undefined when git ends with another status than 0. */
export async function tryGit(
  place: GitPlace,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    return (await runGit(place, args)).trimEnd();
  } catch (error) {
    if (error instanceof GitFailure) return undefined;
    throw error;
  }
}

/** Resolves when git has ended well. @throws GitFailure with what it said */
export function ended(child: ChildProcess, args: readonly string[]): Promise<void> {
  let stderr = "";
  child.stderr?.on("data", (data: Buffer) => (stderr += data.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new GitFailure(explain(args, stderr, code ?? signal)));
    });
  });
}

const SHOWN_LINES = 4;

function explain(args: readonly string[], stderr: string, end: unknown): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const said = lines.slice(-SHOWN_LINES).join("; ");
  return `git ${args[0] ?? ""}: ${said === "" ? `ended with ${String(end)}` : said}`;
}

/** The parts of what git prints with `-z`. */
export function splitZ(text: string): string[] {
  return text === "" ? [] : text.slice(0, -1).split("\0");
}

/** The same bytes as a path for Node's file system. */
export function pathBytes(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, "latin1")]);
}

/** Latin-1 text, as of `runGit`, as what it says. */
export function decode(text: string): string {
  return Buffer.from(text, "latin1").toString();
}

/** And back. */
export function encode(text: string): string {
  return Buffer.from(text).toString("latin1");
}
