import type { LoadedConfig } from "../config/load.ts";
import { logLine } from "../log.ts";
import type { ConnectionOptions, Target } from "../modal/connection.ts";

const PLACES: Readonly<Record<Target, string>> = {
  local: "local: this machine, through the Modal emulator",
  modal: "modal: Modal's cloud, which costs money",
};

/** Every command that acts says first where it does (decision D3). */
export function announceTarget(target: Target): void {
  logLine(`target ${PLACES[target]}`);
}

/** The connection that the configuration asks for, announced. */
export function actOn({ config }: LoadedConfig): ConnectionOptions {
  announceTarget(config.target);
  return {
    target: config.target,
    appName: config.modal.app,
    ...(config.modal.environment === undefined ? {} : { environment: config.modal.environment }),
  };
}
