import { ServerError, Status } from "nice-grpc";
import { Exec, type ExecPlace, type ExecRequest } from "./exec.ts";

/** How long a finished command's output and status are kept for late readers. */
const KEEP_FINISHED_MS = 60 * 60 * 1000;

/** The same once the sandbox itself has ended. */
const KEEP_ENDED_MS = 60 * 1000;

/** The commands of one sandbox, by the identifiers that their callers gave them. */
export class SandboxExecs {
  readonly #place: ExecPlace;
  readonly #execs = new Map<string, Promise<Exec>>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(place: ExecPlace) {
    this.#place = place;
  }

  /** Starts a command; for an identifier that has one already, does nothing. */
  async start(execId: string, request: ExecRequest): Promise<void> {
    const started = this.#execs.get(execId);
    if (started !== undefined) {
      await started;
      return;
    }
    const starting = Exec.start(this.#place, request);
    this.#execs.set(execId, starting);
    try {
      const exec = await starting;
      void exec.finished.then(() => this.#forgetIn(KEEP_FINISHED_MS, execId));
    } catch (error) {
      this.#execs.delete(execId);
      throw error;
    }
  }

  /** @throws ServerError NOT_FOUND for an identifier that no command has, or had until some time ago */
  async get(execId: string): Promise<Exec> {
    const exec = await this.#execs.get(execId);
    if (exec === undefined) {
      throw new ServerError(
        Status.NOT_FOUND,
        `Exec '${execId}' not found: it never was, or ended long ago, or the emulator was restarted since`,
      );
    }
    return exec;
  }

  /** The sandbox has ended: its commands' output is kept a little for who still reads. */
  sandboxEnded(): void {
    for (const execId of this.#execs.keys()) this.#forgetIn(KEEP_ENDED_MS, execId);
  }

  /** Lets go of everything; commands go on in their sandbox. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#execs.keys()].map((execId) => this.#forget(execId)));
  }

  #forgetIn(delayMs: number, execId: string): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#forget(execId);
    }, delayMs);
    timer.unref();
    this.#timers.add(timer);
  }

  async #forget(execId: string): Promise<void> {
    const starting = this.#execs.get(execId);
    this.#execs.delete(execId);
    const exec = await starting?.catch(() => undefined);
    await exec?.dispose().catch((error: unknown) => this.#place.log(String(error)));
  }
}
