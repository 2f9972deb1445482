/**
 * What ./quickstart does once the dependencies are there: sets the machine up, builds the image where it
 * is not published yet, starts the session `quickstart`, and shows the acceptance criteria holding. It
 * uses the command line as a user would, in the user's own state directory.
 */
import { dirname } from "node:path";
import { CommandError } from "./machine/commands.ts";
import { isRunning, showWhatRuns, showWhatStays } from "./quickstart/criteria.ts";
import { parhelia, PARHELIA, StepError } from "./quickstart/parhelia-program.ts";
import { setUpMachine, SetUpError } from "./set-up-machine.ts";

const SESSION = "quickstart";
const IMAGE = "parhelia-cpu";

function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

function report(criterion: string, command: string, outcome: string): void {
  print(`✓ ${criterion}  ${command}`);
  print(`       ${outcome}`);
}

async function main(): Promise<void> {
  const startedMs = Date.now();
  const interactive = process.stdin.isTTY && process.stderr.isTTY;
  const { engine, startedEngine } = await setUpMachine({
    interactive,
    log: (line) => print(`  ${line}`),
  });
  print(`✓ container engine ${engine.version} on ${engine.address}`);
  await ensureImage();
  await ensureSession();
  await showWhatRuns(SESSION, report);
  const timing = await showWhatStays(report);
  print();
  print("Where the time of a start goes (parhelia up --timing):");
  print(timing);
  print();
  print(`Done in ${Math.round((Date.now() - startedMs) / 1000)} s.`);
  if (startedEngine !== undefined) {
    print(`The container engine goes on running (process ${startedEngine.pid}).`);
  }
  printNextSteps();
}

async function ensureImage(): Promise<void> {
  const { stdout } = await parhelia(["image", "ls", "--json"]);
  if (!stdout.includes(IMAGE)) {
    print(`  building the image ${IMAGE}; this takes some minutes, once`);
    await parhelia(["image", "build"], { live: true });
  }
  print(`✓ image ${IMAGE} is published`);
}

async function ensureSession(): Promise<void> {
  const running = await isRunning(SESSION);
  if (!running) {
    // One that was used before is gone on with.
    await parhelia(["up", SESSION]).catch(() => parhelia(["resume", SESSION]));
  }
  print(`✓ session ${SESSION} ${running ? "runs already" : "is ready"}`);
}

function printNextSteps(): void {
  print("What to type next, with parhelia on the PATH:");
  print();
  print(`  export PATH="${dirname(PARHELIA)}:$PATH"`);
  print();
  print("  parhelia secret set anthropic-api-key ANTHROPIC_API_KEY   # asks for your key");
  print("  parhelia up work                                          # a session that has it");
  print('  parhelia run work "what can you do here?"                 # Claude answers');
}

// Ctrl-C ends the command that runs, which ends this program by way of its clean-up.
process.once("SIGINT", () => print());

try {
  await main();
} catch (error) {
  const expected =
    error instanceof StepError || error instanceof SetUpError || error instanceof CommandError;
  const text = expected ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`✗ ${text ?? ""}\n`);
  process.exitCode = 1;
}
