import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Objects } from "../protocol/workspace.ts";
import { ended, runGit, startGit, type GitPlace } from "./run-git.ts";

/** What an exchange sees of a repository. */
interface ObjectSource {
  readonly objectFormat: string;
  readonly files: { readonly objects: string };
  readonly shallow: readonly string[];
}

/**
 * A repository in a temporary directory that sees the objects of others and writes none to them: what is made
 * for a transfer, or comes with one, is here alone.
 */
export class Exchange {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async over(sources: readonly ObjectSource[]): Promise<Exchange> {
    const directory = mkdtempSync(join(tmpdir(), "parhelia-exchange-"));
    const format = sources[0]?.objectFormat ?? "sha1";
    const exchange = new Exchange(directory);
    try {
      const init = ["init", "--quiet", "--bare", "--template=", `--object-format=${format}`];
      await runGit({ directory }, init);
      const objects = sources.map(({ files }) => `${JSON.stringify(files.objects)}\n`);
      writeFileSync(join(directory, "objects/info/alternates"), objects.join(""));
      exchange.addShallow(sources.flatMap(({ shallow }) => shallow));
      return exchange;
    } catch (error) {
      exchange.remove();
      throw error;
    }
  }

  get place(): GitPlace {
    return { directory: this.directory };
  }

  /** For commands in a repository that are to write their objects here. */
  writingFrom(source: ObjectSource): Record<string, string> {
    return {
      GIT_OBJECT_DIRECTORY: join(this.directory, "objects"),
      GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(source.files.objects),
    };
  }

  addShallow(commits: readonly string[]): void {
    if (commits.length === 0) return;
    appendFileSync(
      join(this.directory, "shallow"),
      commits.map((commit) => `${commit}\n`).join(""),
    );
  }

  /** Starts a pack with all that the tips lead to and `has` does not. */
  pack(tips: readonly string[], has: Objects): { stream: Readable; done: Promise<void> } {
    const args = ["pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"];
    const child = startGit(this.place, args);
    const excluded = [...has.commits, ...has.blobs].map((oid) => `^${oid}`);
    child.stdin?.on("error", () => undefined); // it says why it has ended
    child.stdin?.end(`${[...tips, ...excluded].join("\n")}\n`);
    const done = ended(child, args);
    done.catch(() => undefined); // thrown where it is awaited
    return { stream: child.stdout as Readable, done };
  }

  /** Takes a pack. @throws GitFailure when it is none, or builds on what is not there */
  async receive(pack: AsyncIterable<Uint8Array>): Promise<void> {
    await receivePack(this.place, pack);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Takes a pack into a repository. @throws GitFailure when it is none, or builds on what is not there */
export async function receivePack(place: GitPlace, pack: AsyncIterable<Uint8Array>): Promise<void> {
  const args = ["index-pack", "--stdin", "--fix-thin"];
  const child = startGit(place, args, ["pipe", "ignore", "pipe"]);
  const done = ended(child, args);
  const [end] = await Promise.allSettled([done, feed(pack, child)]);
  // A pack that ends early also breaks git's input, and git closes it before we do: what git says counts.
  if (end.status === "rejected") throw end.reason;
}

/** Writes no faster than it is read. */
async function feed(pack: AsyncIterable<Uint8Array>, { stdin }: ChildProcess): Promise<void> {
  if (stdin === null) return;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // thrown where it is awaited
  stdin.on("error", failed.reject);
  for await (const chunk of pack) {
    if (!stdin.write(chunk)) await Promise.race([once(stdin, "drain"), failed.promise]);
  }
  stdin.end();
}

/**
 * Which of these objects a repository has. Commits count when a ref leads to them: then all that they build on is
 * there, too.
 * @param refs which ones, as options of `git rev-list`, such as `--all`
 */
export async function objectsIn(place: GitPlace, offers: Objects, refs: string): Promise<Objects> {
  const there = await existing(place, [...offers.commits, ...offers.blobs]);
  const commits = offers.commits.filter((oid) => there.has(oid));
  const args = ["rev-list", "--stdin", "--not", refs];
  const unreachable = new Set(
    commits.length === 0 ? [] : (await runGit(place, args, `${commits.join("\n")}\n`)).split("\n"),
  );
  return {
    commits: commits.filter((oid) => !unreachable.has(oid)),
    blobs: offers.blobs.filter((oid) => there.has(oid)),
  };
}

/** Those of the objects that a repository has. */
export async function existing(place: GitPlace, oids: readonly string[]): Promise<Set<string>> {
  if (oids.length === 0) return new Set();
  const args = ["cat-file", "--batch-check=%(objectname)", "--buffer"];
  const printed = await runGit(place, args, `${oids.join("\n")}\n`);
  return new Set(printed.split("\n").filter((line) => line !== "" && !line.endsWith(" missing")));
}
