/**
 * A Modal emulator for this machine: starting and finding it. Any Modal client then speaks to it over
 * gRPC. Kept apart from `admin.ts`, so that a client that only connects loads no engine client.
 */
export { ensureEmulator, findEmulator, endEmulator, EmulatorStartError } from "./launch.ts";
export type { EmulatorAccess, EnsureOptions } from "./launch.ts";
