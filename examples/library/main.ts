// A session through the library: what `parhelia up`, `exec`, `checkpoint` and `stop` do, as functions.
import assert from "node:assert/strict";
import {
  checkpointSession,
  createClaudeSandbox,
  loadConfig,
  optionsFromConfig,
  runInSandbox,
  stopSession,
} from "parhelia";

// The same parhelia.toml, variables and defaults as the command line's.
const cwd = process.cwd();
const options = optionsFromConfig(
  `example-${process.pid}`,
  loadConfig({ cwd, env: process.env }),
  cwd,
);

const session = await createClaudeSandbox({ ...options, timeoutHours: 0.25 });
try {
  say(`${session.name} is ready after ${Math.round(session.readyMs)} ms on ${session.target}`);

  const version = await runInSandbox(session, ["claude", "--version"]);
  assert.equal(version.exitStatus, 0, version.stderr);
  say(`Claude Code: ${version.stdout.trim()}`);

  // Commands start in the session's workspace, on the volume: what they write outlives the sandbox.
  const script = "echo 'print(6 * 7)' > answer.py && python3 answer.py && rm answer.py";
  const answer = await runInSandbox(session, ["sh", "-c", script]);
  assert.deepEqual(answer, { exitStatus: 0, stdout: "42\n", stderr: "" });
  say(`Python: ${answer.stdout.trim()}`);

  // A command that fails is a result, not an exception.
  const failing = await runInSandbox(session, ["ls", "/nowhere"]);
  assert.equal(failing.exitStatus, 2);
  say(`ls: ${failing.stderr.trim()}`);

  // What resumeSession and forkSession can go on from, also when the sandbox is gone.
  const checkpoint = await checkpointSession(session.connection, session.name);
  say(`checkpoint ${checkpoint.id}: ${checkpoint.bytes} bytes`);
} finally {
  await stopSession(session.connection, session.name);
  session.close();
}
say("the sandbox has ended");

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
