import type { EngineConnection } from "./containers/engine-connection.ts";
import type { Store } from "./state/store.ts";
import type { TokenIssuer } from "./tokens.ts";

/** What every part of the emulator works with. */
export interface EmulatorContext {
  readonly store: Store;
  readonly engine: EngineConnection;
  readonly tokens: TokenIssuer;
  /** Seconds between background commits of volumes. Undefined: sandboxes share a volume's files directly. */
  readonly commitIntervalS: number | undefined;
  /** Where this emulator listens, once it does: `127.0.0.1:50051`. */
  readonly address: () => string;
  /** A line in the emulator's own log; never with anything of a request in it. */
  readonly log: (line: string) => void;
}

/** The name under which an environment is kept: clients send an empty one for the default. */
export function environmentName(given: string): string {
  return given === "" ? "main" : given;
}
