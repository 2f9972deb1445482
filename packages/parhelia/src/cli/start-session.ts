import type { LoadedConfig } from "../config/load.ts";
import { logLine } from "../log.ts";
import { createClaudeSandbox, type ClaudeSandbox } from "../sandbox/create-claude-sandbox.ts";
import { optionsFromConfig, type ClaudeSandboxOptions } from "../sandbox/sandbox-options.ts";
import { showBuildProgress } from "./build-progress.ts";
import type { BroughtProject } from "../sandbox/workspace/bring-project.ts";
import {
  findProject,
  type ProjectChoice,
  type ProjectSource,
} from "../sandbox/workspace/find-project.ts";
import { formatBytes, SECOND_MS } from "../units.ts";
import type { CommandContext } from "./command.ts";

/**
 * Starts a session as the configuration asks for it, showing the build of an image that is not there.
 * @param further options before the configuration's @param choice where a project is looked for; not at all
 * where it is left out
 */
export async function startSession(
  context: CommandContext,
  loaded: LoadedConfig,
  name: string,
  further: Partial<ClaudeSandboxOptions> = {},
  choice?: ProjectChoice,
): Promise<ClaudeSandbox> {
  const project = choice && (await findProject(context.cwd, choice));
  if (project !== undefined) logLine(`project ${describeSource(project)}`);
  const onProjectProgress = showTransfer();
  return showingProgress(context, loaded, name, (options) =>
    createClaudeSandbox({ ...options, project, onProjectProgress, ...further }),
  );
}

/** Starts a session of the configuration in some way, showing what happens on the way to its sandbox. */
export async function showingProgress<T>(
  context: CommandContext,
  loaded: LoadedConfig,
  name: string,
  start: (options: ClaudeSandboxOptions) => Promise<T>,
): Promise<T> {
  const progress = showBuildProgress();
  let building = false;
  const options = optionsFromConfig(name, loaded, context.cwd);
  try {
    return await start({
      ...options,
      signal: context.signal,
      onWarning: (message) => {
        logLine(`warning: ${message}`);
      },
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

function describeSource(source: ProjectSource): string {
  const { name } = source.project;
  if (source.kind === "tree") return `${name}: the Git repository ${source.root}`;
  return `${name}: a clone of ${source.url}${source.ref === null ? "" : ` at ${source.ref}`}`;
}

/** How often a long transfer says how far it is. */
const TRANSFER_NEWS_MS = 5 * SECOND_MS;

/** A line when all of a project is there, and one now and then where that takes long. */
function showTransfer(): (sent: BroughtProject) => void {
  let lastMs = performance.now();
  return ({ sentBytes, isComplete }) => {
    const isNews = performance.now() - lastMs > TRANSFER_NEWS_MS;
    if (!isComplete && !isNews) return;
    lastMs = performance.now();
    logLine(`${isComplete ? "the project is there, sent" : "sent"} ${formatBytes(sentBytes)}`);
  };
}
