import { renameSync, writeFileSync } from "node:fs";
import { recoverBuilds } from "./containers/image-builder.ts";
import { EngineConnection } from "./containers/engine-connection.ts";
import { removeExpired } from "./containers/images.ts";
import { Sandboxes } from "./containers/sandboxes.ts";
import { RequestLog } from "./request-log.ts";
import { createEmulatorServer } from "./server.ts";
import { readServerFile, SERVER_FILE, type ServerFile } from "./server-file.ts";
import type { EmulatorContext } from "./context.ts";
import { VolumeDownloads } from "./services/volume-downloads.ts";
import { Store } from "./state/store.ts";
import { TokenIssuer } from "./tokens.ts";

/** How the emulator is served. */
export interface ServeOptions {
  readonly stateDirectory: string;
  /** Identity of this build; a client with another build replaces the process. */
  readonly build: string;
  /** Default: the port it had before, or any free one. */
  readonly port?: number;
  /** Seconds between background commits of volumes. Default: sandboxes share a volume's files directly. */
  readonly commitIntervalS?: number;
}

/**
 * Serves a state directory on loopback until INT or TERM. Sandboxes go on without it: what it finds at
 * its start it takes over again.
 * @throws StateInUseError when another process serves it
 */
export async function serve(options: ServeOptions): Promise<void> {
  const store = new Store(options.stateDirectory);
  let address = "";
  const context: EmulatorContext = {
    store,
    engine: new EngineConnection(),
    tokens: new TokenIssuer(store.credentials.signingKey),
    commitIntervalS: options.commitIntervalS,
    address: () => address,
    log: (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`),
  };
  const sandboxes = new Sandboxes(context);
  const downloads = new VolumeDownloads(context);
  const server = createEmulatorServer(
    context,
    sandboxes,
    new RequestLog(store.path("requests.log")),
    downloads,
  );

  const port = await listen(server, options.port ?? readServerFile(store.directory)?.port ?? 0);
  address = `127.0.0.1:${port}`;
  const volumes = options.commitIntervalS === undefined ? "direct" : "committed";
  writeServerFile(store, { pid: process.pid, port, build: options.build, volumes });
  context.log(`serving ${store.directory} at ${address}`);
  // None of these delays the first request: they wait for the engine, which a request may not need.
  void sandboxes.recover();
  void recoverBuilds(context);
  void removeExpired(context);

  await endRequested();
  server.forceShutdown();
  downloads.close();
  sandboxes.close();
  writeServerFile(store, { port, build: options.build }); // the next process listens there again
  store.close();
}

async function listen(server: { listen(address: string): Promise<number> }, preferred: number) {
  try {
    return await server.listen(`127.0.0.1:${preferred}`);
  } catch (error) {
    if (preferred === 0) throw error;
    return await server.listen("127.0.0.1:0"); // the former port is another program's now
  }
}

function writeServerFile(store: Store, content: ServerFile): void {
  const file = store.path(SERVER_FILE);
  writeFileSync(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function endRequested(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
}
