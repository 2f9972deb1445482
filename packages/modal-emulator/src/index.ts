/**
 * A Modal emulator for this machine. This is its door for programs that start it; any Modal client then
 * speaks to it over gRPC.
 */
export { surveyEngines, findEngine, NoEngineError } from "./containers/engine.ts";
export type { Engine, EngineCandidate } from "./containers/engine.ts";
export { ensureEmulator, findEmulator, endEmulator, EmulatorStartError } from "./launch.ts";
export type { EmulatorAccess, EnsureOptions } from "./launch.ts";
export { pruneState, stopAll, describeState } from "./clean-up.ts";
export type { StateDescription, PruneOptions, Removed } from "./clean-up.ts";
