import { CONTAINER_PROGRAM, SANDBOX_USER } from "../../../container/protocol/paths.ts";
import type { NoWorkspace, Objects, SessionHeader } from "../../../container/protocol/workspace.ts";
import type { Exchange } from "../../../container/repository/exchange.ts";
import { LineThenBytes } from "../../../container/repository/line-then-bytes.ts";
import { SystemError, UserError } from "../../errors.ts";
import type { Connection } from "../../modal/connection.ts";
import { findSandbox, type App, type Image, type Sandbox } from "../../modal/sandboxes.ts";
import { MINUTE_MS } from "../../units.ts";
import { VOLUME_ROOT } from "../../volume/layout.ts";
import { startCommand } from "../exec.ts";

/** A session's working tree, about to be sent. */
export interface SessionSource {
  readonly header: SessionHeader;
  /** Sends to an exchange what it lacks. */
  sendTo(exchange: Exchange, has: Objects): Promise<void>;
}

/** What a sandbox that only reads the volume is made from. */
export interface ReaderPlace {
  readonly app: App;
  /** Of any variant. */
  readonly image: Image;
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
}

/** For the largest project; as a rule it ends within seconds. */
const READER_TIMEOUT_MS = 30 * MINUTE_MS;

const READER_RESOURCES = { cpu: 1, memoryMiB: 512 };

/**
 * Opens a session's working tree in its own sandbox, or, where that does not run, in one that is started for it
 * and ended afterwards.
 * @param place asked for only when a sandbox is started
 * @throws UserError when the session has no project on the volume
 */
export async function withSessionSource<T>(
  connection: Connection,
  sessionName: string,
  place: () => Promise<ReaderPlace>,
  work: (source: SessionSource) => Promise<T>,
): Promise<T> {
  const running = await findSandbox(connection, sessionName);
  if (running !== undefined) return work(await openSource(running, sessionName, false));
  const reader = await startReader(connection, await place());
  try {
    return await work(await openSource(reader, sessionName, true));
  } finally {
    await reader.terminate().catch(() => undefined); // its time ends, too
  }
}

async function startReader(
  { client }: Connection,
  { app, image, volumeName = "parhelia-vol" }: ReaderPlace,
): Promise<Sandbox> {
  const volume = await client.volumes.fromName(volumeName, { createIfMissing: true, version: 2 });
  return client.sandboxes.create(app, image, {
    ...READER_RESOURCES,
    command: ["sleep", `${READER_TIMEOUT_MS / 1000}`],
    volumes: { [VOLUME_ROOT]: volume },
    timeoutMs: READER_TIMEOUT_MS,
    tags: { "parhelia-task": "pull" },
  });
}

async function openSource(
  sandbox: Sandbox,
  sessionName: string,
  isReader: boolean,
): Promise<SessionSource> {
  const program = [CONTAINER_PROGRAM, "send-workspace", sessionName];
  const command = isReader
    ? await startAsUser(sandbox, program)
    : await startCommand(sandbox, program);
  const ended = Promise.all([command.wait(), new Response(command.stderr).text()]);
  ended.catch(() => undefined); // awaited below
  const output = new LineThenBytes(command.stdout);
  const writer = command.stdin.getWriter();
  const line = await output.line();
  if (line === undefined) throw explain(await ended);
  const header = JSON.parse(line) as SessionHeader | NoWorkspace;
  if ("missing" in header) throw missing(header, sessionName);
  return {
    header,
    sendTo: async (exchange, has) => {
      await writer.write(Buffer.from(`${JSON.stringify(has)}\n`));
      await writer.close();
      const [received] = await Promise.allSettled([exchange.receive(output.bytes())]);
      const end = await ended;
      if (end[0] !== 0) throw explain(end);
      if (received.status === "rejected") throw received.reason;
    },
  };
}

function missing({ missing: what }: NoWorkspace, sessionName: string): UserError {
  return what === "project"
    ? new UserError(`the volume has no project of session ${sessionName}`, {
        hint: "only a session that was started on a project has something to pull",
      })
    : new UserError(`not all of the project of session ${sessionName} has come to the volume`, {
        hint: `parhelia stop ${sessionName}, then parhelia up ${sessionName} --new brings it again`,
      });
}

/** Without init there is no session's environment: only who the user is. */
function startAsUser(sandbox: Sandbox, program: readonly string[]) {
  const { uid, gid, home } = SANDBOX_USER;
  const user = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--inh-caps=-all"];
  return sandbox.exec(["setpriv", ...user, "--", "env", `HOME=${home}`, ...program], {
    mode: "binary",
  });
}

function explain([status, stderr]: readonly [number, string]): SystemError {
  return new SystemError(stderr.trim() || `reading the session's tree ended with ${status}`, {
    hint: "parhelia image build if the image is an old one, then try again",
  });
}
