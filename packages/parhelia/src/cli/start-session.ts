import type { LoadedConfig } from "../config/load.ts";
import { logLine } from "../log.ts";
import { createClaudeSandbox, type ClaudeSandbox } from "../sandbox/create-claude-sandbox.ts";
import { optionsFromConfig } from "../sandbox/sandbox-options.ts";
import { showBuildProgress } from "./build-progress.ts";
import type { CommandContext } from "./command.ts";

/** Starts a session as the configuration asks for it, showing the build of an image that is not there. */
export async function startSession(
  context: CommandContext,
  loaded: LoadedConfig,
  name: string,
  gpu?: string,
): Promise<ClaudeSandbox> {
  const progress = showBuildProgress();
  let building = false;
  const options = optionsFromConfig(name, loaded, context.cwd);
  try {
    return await createClaudeSandbox({
      ...options,
      gpu,
      signal: context.signal,
      onBuildLog: progress.onBuildLog,
      image: {
        ...options.image,
        onStep: (step) => {
          if (!building) logLine("there is no published image yet: building it");
          building = true;
          progress.onStep(step);
        },
      },
    });
  } finally {
    progress.stop();
  }
}
