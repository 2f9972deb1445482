import type { CommandOptions, ParheliaHome } from "./parhelia.ts";
import type { ProgramResult } from "./run-program.ts";
import { connectSdk } from "./sdk.ts";

/** A session that runs. */
export class Session {
  readonly name: string;
  readonly #home: ParheliaHome;
  readonly #flags: readonly string[];

  /** @param flags global flags for every command, such as `--config FILE` */
  constructor(home: ParheliaHome, name: string, flags: readonly string[] = []) {
    this.#home = home;
    this.name = `${name}-${process.pid}`;
    this.#flags = flags;
  }

  /** @returns what `parhelia up --json` prints */
  async up(...args: readonly string[]): Promise<StartedSession> {
    return (await this.#home.json([...this.#flags, "up", this.name, ...args])) as StartedSession;
  }

  async stop(): Promise<void> {
    await this.#home.succeed([...this.#flags, "stop", this.name]);
  }

  /** Runs a command of the command line about this session, whatever its exit status. */
  command(verb: string, ...args: readonly string[]): Promise<ProgramResult> {
    return this.#home.run([...this.#flags, ...verb.split(" "), this.name, ...args]);
  }

  /** @returns what `parhelia resume --json` prints */
  async resume(...args: readonly string[]): Promise<ResumedSession> {
    const words = [...this.#flags, "resume", this.name, ...args];
    return (await this.#home.json(words)) as ResumedSession;
  }

  /** @returns what `parhelia checkpoint ls --json` prints: the newest first */
  async checkpoints(): Promise<readonly ListedCheckpoint[]> {
    const words = [...this.#flags, "checkpoint", "ls", this.name];
    return (await this.#home.json(words)) as readonly ListedCheckpoint[];
  }

  /** Runs a command as user `parhelia`, whatever its exit status. */
  exec(command: readonly string[], options?: CommandOptions): Promise<ProgramResult> {
    return this.#home.run(this.execArguments(command), options);
  }

  /** Runs a command as root that has to succeed. @returns its standard output, trimmed */
  async asRoot(command: readonly string[], options?: CommandOptions): Promise<string> {
    const args = [...this.#flags, "exec", "--root", this.name, "--", ...command];
    return (await this.#home.succeed(args, options)).trim();
  }

  /** Runs a command as user `parhelia` that has to succeed. @returns its standard output, trimmed */
  async output(command: readonly string[], options?: CommandOptions): Promise<string> {
    return (await this.#home.succeed(this.execArguments(command), options)).trim();
  }

  /** Lets others see what the session wrote to the volume, once they load it. */
  async commit(): Promise<void> {
    await this.asRoot(["sync", "/vol/parhelia"]);
  }

  /** Loads what others committed to the volume. */
  async reload(): Promise<void> {
    const modal = await connectSdk(this.#home);
    try {
      await (await modal.sandboxes.fromName("parhelia", this.name)).reloadVolumes();
    } finally {
      modal.close();
    }
  }

  /** What comes after `parhelia` to run a command in the session. */
  execArguments(command: readonly string[]): string[] {
    return [...this.#flags, "exec", this.name, "--", ...command];
  }
}

/** What `parhelia resume --json` prints. */
export interface ResumedSession {
  readonly sandboxId: string;
  /** `SESSION/ID` */
  readonly checkpoint: string;
}

/** One of what `parhelia checkpoint ls --json` prints. */
export interface ListedCheckpoint {
  readonly id: string;
  readonly reason: string | null;
  readonly conversations: number | null;
  readonly status: string;
  readonly damage: string | null;
  readonly verified: boolean;
}

/** What `parhelia up --json` prints. */
export interface StartedSession {
  readonly name: string;
  readonly sandboxId: string;
  readonly target: string;
  readonly variant: string;
  readonly readyMs: number;
  readonly phases: readonly { readonly name: string; readonly durationMs: number }[];
}
