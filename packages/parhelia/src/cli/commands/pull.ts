import { resolve } from "node:path";
import { lockPathFor } from "../../config/lock-file.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { checkSessionName } from "../../config/session-name.ts";
import { cpuVariant } from "../../config/variants.ts";
import type { Connection } from "../../modal/connection.ts";
import { ensureImage } from "../../sandbox/image.ts";
import { withConnection } from "../../sandbox/session.ts";
import {
  pullSession,
  type PulledRepository,
  type PullResult,
} from "../../sandbox/workspace/pull-session.ts";
import { withSessionSource, type ReaderPlace } from "../../sandbox/workspace/session-source.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { PullOptions, SessionArgument } from "../command-types.ts";

/** `parhelia pull`: a session's work back to the user's repository; ends with 1 when not all of it could be. */
export const run: RunCommand<SessionArgument, PullOptions> = async (context, args, options) => {
  const sessionName = checkSessionName(args.name);
  const loaded = await context.loadConfig();
  const { cwd } = context;
  const result = await withConnection(actOn(loaded), (connection) =>
    withSessionSource(
      connection,
      sessionName,
      () => readerPlace(connection, loaded, cwd),
      (source) => {
        const workspace =
          options.workspace === undefined ? undefined : resolve(cwd, options.workspace);
        return pullSession(source, { sessionName, cwd, workspace, apply: options.apply });
      },
    ),
  );
  if (options.json) context.printJson(result);
  else for (const line of resultLines(result)) context.print(line);
  return result.repositories.some(isIncomplete) ? 1 : 0;
};

async function readerPlace(
  connection: Connection,
  loaded: LoadedConfig,
  cwd: string,
): Promise<ReaderPlace> {
  const { image, volume } = loaded.config;
  const app = connection.client.apps.fromName(connection.appName, { createIfMissing: true });
  const request = { ...image, variant: cpuVariant, lockPath: lockPathFor(loaded.file, cwd) };
  const found = await ensureImage(connection, app, request);
  return { app: await app, image: found, volumeName: volume.name };
}

function isIncomplete({ conflicts, problem }: PulledRepository): boolean {
  return conflicts.length > 0 || problem !== undefined;
}

function resultLines(result: PullResult): string[] {
  return result.repositories.flatMap((repository) => {
    const where = repository.path === "" ? "" : `${repository.path}: `;
    return repositoryLines(repository, result.name).map((line) => where + line);
  });
}

function repositoryLines(repository: PulledRepository, name: string): string[] {
  const { branches, conflicts, problem, path } = repository;
  if (problem !== undefined) return [problem];
  const inside = path === "" ? "git" : `git -C ${JSON.stringify(path)}`;
  return [
    ...(branches.length === 0 ? ["no new commits"] : []),
    ...branches.map(
      ({ branch, newCommits }) =>
        `${newCommits} new ${newCommits === 1 ? "commit" : "commits"} in branch ${branch}: ${inside} merge ${branch}`,
    ),
    ...conflicts.map((file) => `conflict: ${file} was changed here and in the session`),
    workLine(repository, name, inside),
  ];
}

function workLine({ work, conflicts }: PulledRepository, name: string, inside: string): string {
  switch (work) {
    case "none":
      return "nothing uncommitted";
    case "same":
      return "what is not committed is here already";
    case "applied":
      return "what is not committed is in your working tree now";
    case "kept":
      return "what is not committed stays in the session";
    case "stashed":
      return conflicts.length > 0
        ? `nothing was changed in your working tree; it is the newest stash entry: ${inside} stash show`
        : `what is not committed is the newest stash entry: ${inside} stash apply --index, or parhelia pull ${name} --apply`;
  }
}
