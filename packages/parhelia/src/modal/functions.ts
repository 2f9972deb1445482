import { FunctionTimeoutError, NotFoundError, RemoteError, type Function_ } from "modal";
import type { App, FunctionCall, Image, Secret, Volume } from "modal";
import type { Connection } from "./connection.ts";

export type { Function_ };

/** What a call of a Function came to. */
export type CallOutcome =
  | { readonly kind: "returned"; readonly value: unknown }
  | { readonly kind: "timeout"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** A Function to be registered: what a call runs. */
export interface FunctionDefinition {
  readonly name: string;
  readonly image: Image;
  /** Gets the argument as JSON on standard input; the last line that it prints is the result. */
  readonly command: readonly string[];
  readonly volume: Volume;
  readonly mountPath: string;
  readonly secrets: readonly Secret[];
  /** Reservations. Cores, MiB. */
  readonly cpu: number;
  readonly memoryMiB: number;
  /** Default: any. */
  readonly regions: readonly string[];
  /** In whole seconds. */
  readonly timeoutMs: number;
}

/** The option by which the emulator knows what a Function's call runs. */
const COMMAND_OPTION = "modal-emulator.command";

/** A Function of the connection's App; undefined where it is not deployed. */
export async function findFunction(
  { client, appName }: Connection,
  name: string,
): Promise<Function_ | undefined> {
  try {
    return await client.functions.fromName(appName, name);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** A call of a Function, under way. */
export interface StartedCall {
  /** Waits for what it returns. */
  outcome(): Promise<CallOutcome>;
  /** Ends it where it runs. */
  cancel(): Promise<void>;
}

/** Calls a Function with one argument. @returns once it is accepted */
export async function startCall(called: Function_, argument: unknown): Promise<StartedCall> {
  const call = await called.spawn([argument]);
  return { outcome: () => outcomeOf(call), cancel: () => call.cancel() };
}

async function outcomeOf(call: FunctionCall): Promise<CallOutcome> {
  try {
    return { kind: "returned", value: await call.get() };
  } catch (error) {
    if (error instanceof FunctionTimeoutError) return { kind: "timeout", reason: reasonOf(error) };
    if (error instanceof RemoteError) return { kind: "failed", reason: reasonOf(error) };
    throw error;
  }
}

/** Without the words that the SDK puts before it. */
function reasonOf({ message }: Error): string {
  return message.replace(/^(Timeout|Remote error): /, "");
}

/**
 * Registers a Function with the emulator, or replaces it. On Modal Functions are Python, and only Modal's Python
 * client deploys them.
 */
export async function registerFunction(
  { client }: Connection,
  app: App,
  definition: FunctionDefinition,
): Promise<void> {
  const { name, image, volume, secrets, regions, command } = definition;
  await client.cpClient.functionCreate({
    appId: app.appId,
    function: {
      functionName: name,
      imageId: image.imageId,
      resources: { milliCpu: definition.cpu * 1000, memoryMb: definition.memoryMiB },
      secretIds: secrets.map(({ secretId }) => secretId),
      timeoutSecs: definition.timeoutMs / 1000,
      volumeMounts: [{ volumeId: volume.volumeId, mountPath: definition.mountPath }],
      schedulerPlacement: { regions: [...regions] },
      experimentalOptions: { [COMMAND_OPTION]: JSON.stringify(command) },
    },
  });
}
