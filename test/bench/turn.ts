import { once } from "node:events";
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { PARHELIA, parhelia } from "../../scripts/quickstart/parhelia-program.ts";
import { say, startScriptedMessagesApi } from "../support/scripted-messages-api.ts";
import { summarise, timed } from "./statistics.ts";

const TURN_BAR = 1.3;

/** Takes whole checkpoints, as the timer does, until it is told that the turn is done. */
const TAKE_ALL_THE_TIME = `
rm -f /tmp/turn-is-done
while [ ! -e /tmp/turn-is-done ]; do
  rm -rf /vol/parhelia/checkpoints/"$PARHELIA_SESSION" /var/lib/parhelia/checkpoint/*
  parhelia-container checkpoint --reason timer >/dev/null || exit 1
done
`;

/** Checkpoints have begun when the turn does. */
const HEAD_START_MS = 1_500;

/**
 * Measures a turn of the real `claude -p`, as `parhelia run` takes it, alone and while checkpoints are taken; the
 * model's answers are scripted. The session has a key, of whatever content.
 */
export async function measureTurns(
  session: string,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  const turns = Array.from({ length: 2 * (rounds + 1) }, () => say("Done."));
  const api = await startScriptedMessagesApi({ turns });
  process.env["ANTHROPIC_BASE_URL"] = api.url;
  const turn = () => timed(() => parhelia(["run", session, "say done"]));
  const alone: number[] = [];
  const during: number[] = [];
  try {
    for (let round = -1; round < rounds; round++) {
      const aloneMs = await turn();
      const duringMs = await whileTaking(session, turn);
      if (round < 0) continue;
      alone.push(aloneMs);
      during.push(duringMs);
    }
  } finally {
    delete process.env["ANTHROPIC_BASE_URL"];
    await api.close();
  }
  const [aloneMs, duringMs] = [summarise(alone).medianMs, summarise(during).medianMs];
  print(`${"claude -p, alone".padEnd(40)}${`${Math.round(aloneMs)} ms`.padStart(10)}`);
  print(
    `${"claude -p during a checkpoint".padEnd(40)}${`${Math.round(duringMs)} ms`.padStart(10)}`,
  );
  const ratio = (duringMs / aloneMs).toFixed(2).padStart(7);
  print(`${"a turn during a checkpoint / alone".padEnd(40)}${ratio}   (bar ${TURN_BAR})`);
}

async function whileTaking<T>(session: string, work: () => Promise<T>): Promise<T> {
  const args = ["--target", "local", "exec", session, "--", "bash", "-c", TAKE_ALL_THE_TIME];
  const taking = spawn(PARHELIA, args, { stdio: "ignore" });
  const ended = once(taking, "close");
  let result: T;
  try {
    await delay(HEAD_START_MS);
    result = await work();
  } finally {
    await parhelia(["exec", session, "--", "touch", "/tmp/turn-is-done"]);
    await ended;
  }
  if (taking.exitCode !== 0) {
    throw new Error(`taking checkpoints ended with ${String(taking.exitCode)}`);
  }
  return result;
}
