import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "modal-emulator/admin";
import { ModalClient } from "modal";
import { PARHELIA } from "../../scripts/quickstart/parhelia-program.ts";
import { runProgram } from "../support/run-program.ts";
import { summarise, timed } from "./statistics.ts";

const FILES = 5_000;
const FILE_BYTES = 10_000;
const FIRST_BAR = 2;
const UNCHANGED_BAR_MS = 500;
const CHANGED_BAR_MS = 1_000;

/** What a measurement of `parhelia sync` needs. */
export interface SyncBenchOptions {
  readonly engine: Engine;
  /** The engine's image that the unpacking container is made from: it has tar. */
  readonly image: string;
  /** The state directory of the emulator that the bench measures in; it has a published image. */
  readonly stateDirectory: string;
  readonly rounds: number;
  readonly print: (line: string) => void;
}

/**
 * Measures `parhelia sync` of a made-up configuration of 5,000 files and 50 MB, beside the engine unpacking
 * the same files: `tar c | docker exec -i C tar x`. Each round has a volume of its own; volumes, container
 * and files are removed again.
 */
export async function measureSync(options: SyncBenchOptions): Promise<void> {
  const home = new BenchHome(options.stateDirectory);
  const container = await options.engine.docker.createContainer({
    Image: options.image,
    Entrypoint: ["sleep", "3600"],
    Cmd: [],
    Volumes: { "/unpacked": {} },
    HostConfig: { NetworkMode: "none" },
  });
  const durationsMs = { unpack: [], first: [], unchanged: [], changed: [] } as {
    readonly [Name in "unpack" | "first" | "unchanged" | "changed"]: number[];
  };
  try {
    await container.start();
    // One round more, whose times are not kept: the first reads what the others find in memory.
    for (let round = -1; round < options.rounds; round++) {
      home.beginRound(round);
      const times = {
        unpack: await timed(() => unpack(options.engine, home, container.id, round)),
        first: await timed(() => home.sync(`sent ${FILES}`)),
        unchanged: await timed(() => home.sync("nothing")),
        changed: 0,
      };
      home.changeOneFile(round);
      times.changed = await timed(() => home.sync("sent 1"));
      if (round < 0) continue;
      for (const name of ["unpack", "first", "unchanged", "changed"] as const) {
        durationsMs[name].push(times[name]);
      }
    }
    report(options, durationsMs);
  } finally {
    await container.remove({ force: true, v: true });
    await home.remove();
  }
}

/** A made-up person with a large Claude configuration. */
class BenchHome {
  readonly configuration: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "parhelia-bench-"));
  readonly #stateDirectory: string;
  readonly #volumes: string[] = [];

  constructor(stateDirectory: string) {
    this.#stateDirectory = stateDirectory;
    this.configuration = join(this.#directory, ".claude");
    for (let index = 0; index < FILES; index++) {
      const skill = join(this.configuration, "skills", `skill-${Math.floor(index / 50)}`);
      mkdirSync(skill, { recursive: true });
      const line = `Note ${index} of a skill that nobody wrote, for measuring. `;
      const text = line.repeat(Math.ceil(FILE_BYTES / line.length)).slice(0, FILE_BYTES);
      writeFileSync(join(skill, index % 50 === 0 ? "SKILL.md" : `note-${index}.md`), text);
    }
  }

  /** Gives the next syncs a volume of their own. */
  beginRound(round: number): void {
    const volume = `parhelia-bench-${process.pid}-${round + 1}`;
    this.#volumes.push(volume);
    writeFileSync(this.#configFile, `[volume]\nname = "${volume}"\n[image]\npip = []\n`);
  }

  changeOneFile(round: number): void {
    writeFileSync(join(this.configuration, "skills/skill-7/SKILL.md"), `changed ${round}\n`);
  }

  /** @throws Error when the command fails or does not say what is expected */
  async sync(expected: string): Promise<void> {
    const args = ["--target", "local", "--config", this.#configFile, "sync", "--json"];
    const { exitStatus, stdout, stderr } = await runProgram(PARHELIA, args, {
      cwd: this.#directory,
      env: { ...this.#env, CLAUDE_CONFIG_DIR: this.configuration },
      timeoutMs: 10 * 60_000,
    });
    if (exitStatus !== 0) throw new Error(`parhelia sync ended with ${exitStatus}: ${stderr}`);
    const { changed, sentFiles } = JSON.parse(stdout) as { changed: boolean; sentFiles: number };
    const done = changed ? `sent ${sentFiles}` : "nothing";
    if (done !== expected) throw new Error(`parhelia sync did: ${done}; expected: ${expected}`);
  }

  /** Removes the files, and the volumes with what is in them. */
  async remove(): Promise<void> {
    const { stdout } = await runProgram(
      PARHELIA,
      ["--target", "local", "local", "serve", "--json"],
      {
        env: this.#env,
        timeoutMs: 60_000,
      },
    );
    Object.assign(process.env, JSON.parse(stdout), { MODAL_LOGLEVEL: "error" });
    const client = new ModalClient();
    try {
      for (const volume of this.#volumes) await removeVolume(client, volume);
    } finally {
      client.close();
      rmSync(this.#directory, { recursive: true });
    }
  }

  get #configFile(): string {
    return join(this.#directory, "parhelia.toml");
  }

  /** The user's own emulator, and nothing else of the user's. */
  get #env(): NodeJS.ProcessEnv {
    const XDG_STATE_HOME = resolve(this.#stateDirectory, "../..");
    return { ...process.env, HOME: this.#directory, XDG_STATE_HOME };
  }
}

/** The sandbox of a sync lives a moment longer than the sync. */
async function removeVolume(client: ModalClient, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.volumes.delete(name, { allowMissing: true });
      return;
    } catch (error) {
      if (attempt === 10) throw error;
      await delay(500);
    }
  }
}

/** What the first sync is held against. */
async function unpack(
  { address }: Engine,
  { configuration }: BenchHome,
  container: string,
  round: number,
): Promise<void> {
  const into = `/unpacked/${round + 1}`;
  const script = `tar c -C "$0" . | docker exec -i "$1" sh -c 'mkdir "$0" && tar x -C "$0"' "$2"`;
  const { exitStatus, stderr } = await runProgram(
    "sh",
    ["-c", script, configuration, container, into],
    {
      env: { ...process.env, DOCKER_HOST: address },
      timeoutMs: 10 * 60_000,
    },
  );
  if (exitStatus !== 0) throw new Error(`tar c | docker exec -i C tar x failed: ${stderr}`);
}

function report(
  { print, rounds }: SyncBenchOptions,
  durationsMs: Readonly<Record<"unpack" | "first" | "unchanged" | "changed", number[]>>,
): void {
  const row = (label: string, values: readonly number[]) => {
    const { medianMs, minMs, maxMs } = summarise(values);
    const columns = [medianMs, minMs, maxMs].map((ms) => `${Math.round(ms)} ms`.padStart(10));
    print(`${label.padEnd(40)}${columns.join("")}`);
    return medianMs;
  };
  print("");
  print(
    `${`sync of ${FILES} files, medians of ${rounds}`.padEnd(40)}    median       min       max`,
  );
  const unpackMs = row("tar c | docker exec -i C tar x", durationsMs.unpack);
  const firstMs = row("first parhelia sync", durationsMs.first);
  const unchangedMs = row("parhelia sync, nothing changed", durationsMs.unchanged);
  const changedMs = row("parhelia sync, one file changed", durationsMs.changed);
  print("");
  const ratio = (firstMs / unpackMs).toFixed(2);
  print(`${"first sync / tar".padEnd(40)}${ratio.padStart(7)}   (bar ${FIRST_BAR})`);
  const ms = (value: number) => `${Math.round(value)} ms`.padStart(10);
  print(`${"nothing changed".padEnd(40)}${ms(unchangedMs)} (bar ${UNCHANGED_BAR_MS} ms)`);
  const more = ms(changedMs - unchangedMs);
  print(`${"one file changed, more than that".padEnd(40)}${more} (bar ${CHANGED_BAR_MS} ms)`);
}
