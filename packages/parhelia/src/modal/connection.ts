import { ModalClient } from "modal";
import { logLine } from "../log.ts";
import { buildLogMiddleware, type BuildLogListener } from "./build-log.ts";
import { ensureLocalEmulator } from "./local.ts";

/** Where sandboxes run (decision D3). */
export type Target = "local" | "modal";

/** What a connection is made from. */
export interface ConnectionOptions {
  readonly target: Target;
  /** The App that owns the sandboxes. Default: `parhelia`. */
  readonly appName?: string;
  /** Modal's environment. Default: the profile's own. */
  readonly environment?: string;
  /** Gets the lines of image builds as they happen. */
  readonly onBuildLog?: BuildLogListener;
}

/** A client of Modal or of the emulator on this machine; nothing above this folder can tell which. */
export interface Connection {
  readonly client: ModalClient;
  readonly target: Target;
  readonly appName: string;
  /** Closes the channels. Running sandboxes are not touched. */
  close(): void;
}

const SDK_LOGGER = {
  debug: () => undefined,
  info: () => undefined,
  // The SDK warns that a loopback channel is not encrypted; every other warning is for the user.
  warn: (message: string) => {
    if (!message.startsWith("Using insecure TLS")) logLine(`modal: ${message}`);
  },
  error: (message: string) => {
    logLine(`modal: ${message}`);
  },
};

/** Variables of the SDK that would lead a local connection elsewhere. */
const SDK_VARIABLES = /^MODAL_(?!CONFIG_PATH$)/;

/**
 * Connects to the target; for `local` the emulator is started where none runs. Makes no request yet.
 * @throws SystemError when the emulator does not start
 */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const parameters = {
    logger: SDK_LOGGER,
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    ...(options.onBuildLog === undefined
      ? {}
      : { grpcMiddleware: [buildLogMiddleware(options.onBuildLog)] }),
  };
  const client =
    options.target === "modal" ? new ModalClient(parameters) : await createLocalClient(parameters);
  return {
    client,
    target: options.target,
    appName: options.appName ?? "parhelia",
    close: () => {
      client.close();
    },
  };
}

/**
 * The SDK takes its server only from the environment or the user's Modal profile, and reads both in its
 * constructor: it is given an environment of its own for just that moment, so that no profile and no
 * variable that the user set for the real Modal gets in.
 */
async function createLocalClient(
  parameters: ConstructorParameters<typeof ModalClient>[0],
): Promise<ModalClient> {
  const { serverUrl, tokenId, tokenSecret } = await ensureLocalEmulator();
  const saved = Object.entries(process.env).filter(([name]) => SDK_VARIABLES.test(name));
  for (const [name] of saved) Reflect.deleteProperty(process.env, name);
  process.env["MODAL_SERVER_URL"] = serverUrl;
  process.env["MODAL_PROFILE"] = "parhelia-local";
  try {
    return new ModalClient({ ...parameters, tokenId, tokenSecret });
  } finally {
    delete process.env["MODAL_SERVER_URL"];
    delete process.env["MODAL_PROFILE"];
    Object.assign(process.env, Object.fromEntries(saved));
  }
}
