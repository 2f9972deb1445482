import type { Repository } from "./open-repository.ts";
import { runGit, splitZ } from "./run-git.ts";

/** Paths (Latin-1) that differ from HEAD for Git, staged or not, and untracked ones; conversions do not count. */
export async function changedFiles(
  { workTree, entries, untracked }: Repository,
  head: string | null,
): Promise<string[]> {
  if (head === null) return [...new Set([...entries.map(({ path }) => path), ...untracked])];
  const plain = ["--no-renames", "--no-ext-diff", "--ignore-submodules=all"];
  const place = { directory: workTree };
  const [unstaged, staged] = await Promise.all(
    [[head], ["--cached", head]].map((what) =>
      runGit(place, ["diff", "--name-only", "-z", ...plain, ...what]),
    ),
  );
  const differing = [...splitZ(unstaged ?? ""), ...splitZ(staged ?? "")];
  return [...new Set([...differing, ...untracked])];
}
