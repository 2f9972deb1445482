import type { Objects, RepositoryState } from "../protocol/workspace.ts";
import { commitsToOffer, describeRepository } from "./describe-repository.ts";
import { Exchange } from "./exchange.ts";
import { openRepositories, type Repository } from "./open-repository.ts";
import { takeSnapshot, type Snapshot } from "./snapshot.ts";

/** A project's repositories, with snapshots of all of them. */
export interface TakenProject {
  readonly objectFormat: string;
  readonly repositories: readonly Repository[];
  /** In the same order: outer ones first. */
  readonly states: readonly RepositoryState[];
  readonly offers: Objects;
  /** Has the snapshots. */
  readonly exchange: Exchange;
}

/**
 * Takes snapshots of the repository of a working tree and of those inside of it. Nothing is written to them.
 * @throws GitFailure
 */
export async function takeProject(root: string, branches: "merged" | "all"): Promise<TakenProject> {
  const repositories = await openRepositories(root);
  const exchange = await Exchange.over(repositories);
  try {
    const snapshots = new Map<string, Snapshot>();
    // Inner ones first: the outer ones' snapshots name their commits.
    for (const repository of repositories.toReversed()) {
      snapshots.set(
        repository.path,
        await takeSnapshot(repository, headsInside(repository, snapshots), exchange, {
          withNormalized: branches === "all",
        }),
      );
    }
    const states: RepositoryState[] = [];
    const commits: string[] = [];
    for (const repository of repositories) {
      const snapshot = snapshots.get(repository.path);
      if (snapshot === undefined) continue;
      const state = await describeRepository(repository, snapshot, branches);
      states.push(state);
      commits.push(...(await commitsToOffer(repository, state)));
    }
    const blobs = [...snapshots.values()].flatMap(({ newBlobs }) => newBlobs);
    const objectFormat = repositories[0]?.objectFormat ?? "sha1";
    return { objectFormat, repositories, states, offers: { commits, blobs }, exchange };
  } catch (error) {
    exchange.remove();
    throw error;
  }
}

function headsInside(
  { path, nested }: Repository,
  snapshots: ReadonlyMap<string, Snapshot>,
): Map<string, string | null> {
  return new Map(
    nested.map((name) => [
      name,
      snapshots.get(path === "" ? name : `${path}/${name}`)?.head ?? null,
    ]),
  );
}
