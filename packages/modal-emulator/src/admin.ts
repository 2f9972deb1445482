/** Looking at, and cleaning up, what the emulator has in its state directory and in the engine. */
export { surveyEngines, findEngine, NoEngineError } from "./containers/engine.ts";
export { lackingGpuRuntime } from "./containers/gpu.ts";
export type { Engine, EngineCandidate } from "./containers/engine.ts";
export { pruneState, stopAll, describeState } from "./clean-up.ts";
export type { StateDescription, PruneOptions, Removed } from "./clean-up.ts";
