import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parhelia, StepError, typed, type CallOptions } from "./parhelia-program.ts";

const SECRET_NAME = "quickstart-secret";
const SECRET_KEY = "QUICKSTART_SECRET";

/** A sandbox of the quickstart's own, started and ended in each run; `quickstart` itself stays. */
const CHECK = "quickstart-check";

/** Gets a criterion that holds, what was run to see it, and what came out. */
export type Report = (criterion: string, command: string, outcome: string) => void;

/** SPEC-01.AC1, SPEC-01.AC6 and SPEC-01.AC7, in a sandbox that runs. */
export async function showWhatRuns(session: string, report: Report): Promise<void> {
  const version = await exec(session, ["claude", "--version"]);
  expectMatch("claude --version", version, /^\d+\.\d+\.\d+ \(Claude Code\)$/);
  report("AC1", typed(["exec", session, "--", "claude", "--version"]), version);

  const link = ["readlink", "-f", "/home/parhelia/.claude"];
  const target = await exec(session, link);
  expectMatch("~/.claude", target, /^\/vol\/parhelia\/config\/claude$/);
  report("AC6", typed(["exec", session, "--", ...link]), target);

  const tmux = ["tmux", "has-session", "-t", "main"];
  await exec(session, tmux);
  report("AC7", typed(["exec", session, "--", ...tmux]), "the session is there");
}

/**
 * SPEC-01.AC3 and SPEC-01.AC4: a file outlives the sandbox that wrote it, and a secret is in the
 * environment and in no log. Makes a secret and two sandboxes one after the other, and removes them.
 *
 * @returns where the time of the second start went, as `parhelia up --timing` prints it
 */
export async function showWhatStays(report: Report): Promise<string> {
  const value = randomBytes(24).toString("hex");
  await parhelia(["secret", "set", SECRET_NAME, SECRET_KEY], { stdin: `${value}\n` });
  try {
    // Of no project, and anew each time: the checkpoint that `stop` takes is not what is shown here.
    const up = ["up", CHECK, "--new", "--no-workspace", "--timing"];
    await endIfRunning(CHECK);
    await withSecret(up);
    const file = `/vol/parhelia/workspaces/quickstart-${randomBytes(4).toString("hex")}.txt`;
    await exec(CHECK, ["sh", "-c", `echo written before the restart > ${file}`]);
    await withSecret(["stop", CHECK]);
    const timing = await withSecret(up);
    const read = await exec(CHECK, ["cat", file]);
    expectMatch(file, read, /^written before the restart$/);
    await exec(CHECK, ["rm", file]);
    report("AC3", `${typed(["exec", CHECK, "--", "cat", file])}  (after stop and up)`, read);
    await showSecret(value, report);
    return `${timing.stdout}${timing.stderr}`.trimEnd();
  } finally {
    await endIfRunning(CHECK);
    await parhelia(["secret", "rm", SECRET_NAME]);
  }
}

/** Whether a session of that name runs. */
export async function isRunning(session: string): Promise<boolean> {
  const { stdout } = await parhelia(["ls", "--json"]);
  return (JSON.parse(stdout) as { name: string }[]).some(({ name }) => name === session);
}

async function showSecret(value: string, report: Report): Promise<void> {
  const seen = await exec(CHECK, ["printenv", SECRET_KEY]);
  if (seen !== value) throw new StepError(`${SECRET_KEY} is not what was set (AC4)`);
  const { stdout, stderr } = await parhelia(["logs", CHECK]);
  const places = [["parhelia logs", `${stdout}${stderr}`], ...(await emulatorLogs())];
  const leaks = places.filter(([, text]) => text?.includes(value)).map(([place]) => place);
  if (leaks.length > 0) throw new StepError(`the secret's value stands in ${leaks.join(", ")}`);
  const command = `${typed(["exec", CHECK, "--", "printenv", SECRET_KEY])} and ${typed(["logs", CHECK])}`;
  report("AC4", command, `set, and in none of ${places.length} logs`);
}

/** The logs that the emulator keeps, by name. */
async function emulatorLogs(): Promise<[string, string][]> {
  const { stdout } = await parhelia(["local", "status", "--json"]);
  const { stateDirectory } = JSON.parse(stdout) as { stateDirectory: string };
  const logs = readdirSync(stateDirectory).filter((file) => file.endsWith(".log"));
  if (logs.length === 0) throw new StepError(`no log of the emulator is in ${stateDirectory}`);
  return logs
    .map((file) => join(stateDirectory, file))
    .filter((file) => existsSync(file))
    .map((file) => [file, readFileSync(file, "utf8")]);
}

async function endIfRunning(session: string): Promise<void> {
  if (await isRunning(session)) await parhelia(["stop", session]);
}

function withSecret(args: readonly string[]): ReturnType<typeof parhelia> {
  const options: CallOptions = { config: "parhelia-with-secret.toml" };
  return parhelia(args, options);
}

async function exec(session: string, command: readonly string[]): Promise<string> {
  const { stdout } = await parhelia(["exec", session, "--", ...command]);
  return stdout.trim();
}

function expectMatch(what: string, value: string, pattern: RegExp): void {
  if (!pattern.test(value)) throw new StepError(`${what} is "${value}", not ${String(pattern)}`);
}
