import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CheckpointList } from "../../packages/parhelia/container/protocol/checkpoint.ts";
import {
  continueConversation,
  EditingClaude,
  killContainer,
  roundsIn,
  sandboxEnd,
  tornFiles,
} from "./editing-claude.ts";
import type { ParheliaHome } from "./parhelia.ts";
import { seededRandom } from "./seeded-random.ts";
import { Session } from "./session.ts";

/** A sandbox that was killed is gone within this time. */
export const END_WITHIN_MS = 60_000;

/** What is there again of the work of a session whose sandbox was killed. */
export interface Recovery {
  /** Edits that Claude had reported before the kill. */
  readonly edits: number;
  /** Edits that the conversation has with which the session goes on. */
  readonly kept: number;
  /** From the first edit that is not there again to the kill; 0 where none is lost. */
  readonly lostMs: number;
  /** Files that are not whole. */
  readonly torn: readonly string[];
  /** Checkpoints on the volume of which something is not as it was written. */
  readonly damaged: readonly string[];
}

/** Flags with which a home's sessions take checkpoints so often. @param intervalMs in whole seconds; 0: never */
export function checkpointsEvery(home: ParheliaHome, intervalMs: number): readonly string[] {
  const file = join(home.directory, `checkpoints-every-${intervalMs}.toml`);
  const interval = intervalMs === 0 ? "off" : `${intervalMs / 1_000}s`;
  writeFileSync(file, `[image]\npip = []\n[checkpoint]\ninterval = "${interval}"\n`);
  return ["--config", file];
}

/** A session in which the real Claude Code works, and whose container is killed at random moments. */
export class KilledSession {
  readonly #home: ParheliaHome;
  readonly #session: Session;
  readonly #intervalMs: number;
  readonly #random: () => number;
  #sandboxId = "";

  /** @param intervalMs between checkpoints @param seed chooses the moments */
  constructor(home: ParheliaHome, { intervalMs, seed }: { intervalMs: number; seed: number }) {
    this.#home = home;
    this.#session = new Session(home, "killed", checkpointsEvery(home, intervalMs));
    this.#intervalMs = intervalMs;
    this.#random = seededRandom(seed);
  }

  async up(): Promise<void> {
    this.#sandboxId = (await this.#session.up()).sandboxId;
  }

  stop(): Promise<void> {
    return this.#session.stop();
  }

  /** Has Claude edit files, kills the container with SIGKILL, resumes, and looks at what is there again. */
  async killAndResume(): Promise<Recovery> {
    const claude = await EditingClaude.start(this.#home, this.#session);
    await sleep(this.#momentMs());
    const edits = claude.rounds;
    const killedAtMs = Date.now();
    await killContainer(this.#home, this.#sandboxId, "SIGKILL");
    await claude.ended();
    await sandboxEnd(this.#home, this.#sandboxId, END_WITHIN_MS);

    this.#sandboxId = (await this.#session.resume()).sandboxId;
    const torn = (await tornFiles(this.#session)).split("\n").filter((file) => file !== "");
    const damaged = await this.#damagedCheckpoints();
    const kept = roundsIn(await continueConversation(this.#home, this.#session));
    const lostMs = kept >= edits ? 0 : killedAtMs - claude.reportedAtMs(kept + 1);
    return { edits, kept, lostMs, torn, damaged };
  }

  /** After Claude's first edits: once a checkpoint may have them, and until two more may have been taken. */
  #momentMs(): number {
    return this.#intervalMs + 500 + this.#random() * (this.#intervalMs + 4_500);
  }

  async #damagedCheckpoints(): Promise<string[]> {
    const listed = await this.#session.output(["parhelia-container", "checkpoints"]);
    const { checkpoints } = JSON.parse(listed) as CheckpointList;
    return checkpoints.flatMap(({ id, damage }) => (damage === null ? [] : [`${id}: ${damage}`]));
  }
}
