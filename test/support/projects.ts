import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { filesOf } from "./dirty-repository.ts";
import type { ParheliaHome } from "./parhelia.ts";
import type { ProgramResult, RunningProgram } from "./run-program.ts";
import { Session } from "./shared-home.ts";

/**
 * Projects of a test file, in a directory of its own, and the sessions on them; all removed after its last test.
 * Without a remote a project is known by its path: no test meets what an earlier run left on the volume.
 */
export class Projects {
  readonly directory = mkdtempSync(join(tmpdir(), "parhelia-projects-"));
  readonly #home: ParheliaHome;
  readonly #sessions: Session[] = [];

  constructor(home: ParheliaHome) {
    this.#home = home;
    afterAll(async () => {
      await Promise.all(this.#sessions.map(({ name }) => home.run(["stop", name])));
      rmSync(this.directory, { recursive: true });
    });
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  /** Runs `parhelia` in a directory, with the home's configuration. */
  run(cwd: string, args: readonly string[]): Promise<ProgramResult> {
    return this.start(cwd, args).result;
  }

  /** The same without waiting for its end. */
  start(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningProgram {
    const configuration = join(this.#home.project, "parhelia.toml");
    return this.#home.start(args, { cwd, env: { PARHELIA_CONFIG: configuration, ...env } });
  }

  /** A session that is stopped after the last test. */
  session(name: string): Session {
    const session = new Session(this.#home, `ws-${name}`);
    this.#sessions.push(session);
    return session;
  }

  /** Starts a session in a directory. @returns what `up` said */
  async up(name: string, cwd: string, ...args: readonly string[]) {
    const session = this.session(name);
    return { session, ...(await this.run(cwd, ["up", session.name, ...args])) };
  }

  /** The files of a session's tree, as `filesOf` has them. */
  async filesIn(session: Session): Promise<Map<string, string>> {
    const { stdoutBytes } = await session.exec(["tar", "c", "--exclude=.git", "."]);
    const copy = mkdtempSync(this.at("copy-"));
    execFileSync("tar", ["x", "-C", copy], { input: stdoutBytes });
    return filesOf(copy);
  }
}
