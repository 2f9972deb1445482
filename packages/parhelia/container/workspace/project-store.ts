import { createHash, randomUUID } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { projectDir, projectFile, projectRepositoryDir } from "../../src/volume/layout.ts";
import type { Objects, ProjectRecord, RepositoryState } from "../protocol/workspace.ts";
import { tipsOf } from "../repository/describe-repository.ts";
import { objectsIn, receivePack } from "../repository/exchange.ts";
import { runGit, type GitPlace } from "../repository/run-git.ts";

/**
 * `repository.git` of a project: all that its users brought. Packs have their contents' names and refs those of
 * the commits that they keep: two sandboxes that add to it at once do not meet, one that is killed leaves no lock,
 * and nothing is removed.
 */
export class ProjectStore {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(project: ProjectRecord, objectFormat: string): Promise<ProjectStore> {
    const store = new ProjectStore(projectRepositoryDir(project.hash));
    const { directory } = store;
    writeProject(project);
    if (!existsSync(directory)) await initialize(directory, objectFormat);
    return store;
  }

  get place(): GitPlace {
    return { directory: this.directory };
  }

  /** Which of the objects are here. */
  has(offers: Objects, repositories: readonly RepositoryState[]): Promise<Objects> {
    return objectsIn(this.place, offers, `--glob=${refsFor(repositories)}`);
  }

  /** Takes what was lacking, and remembers what there is now. @throws GitFailure when something lacks still */
  async add(
    pack: AsyncIterable<Uint8Array>,
    repositories: readonly RepositoryState[],
  ): Promise<void> {
    await receivePack(this.place, pack);
    const tips = [...new Set(repositories.flatMap(tipsOf))];
    const prefix = refsFor(repositories);
    mkdirSync(join(this.directory, prefix), { recursive: true });
    for (const oid of tips) {
      // Not by Git: a lock that it left when it was killed would be in the way for ever.
      const beside = join(this.directory, `new-${randomUUID()}`);
      writeWhole(join(this.directory, prefix, oid), `${oid}\n`, beside);
    }
  }

  /** Gives another repository all objects, without a copy where the volume can do so. */
  shareWith(gitDir: string): void {
    const from = join(this.directory, "objects/pack");
    const to = join(gitDir, "objects/pack");
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) {
      if (/^pack-.*\.(pack|idx|rev)$/.test(name)) linkOrCopy(join(from, name), join(to, name));
    }
  }
}

/** What is known of the project itself. */
export function writeProject(project: ProjectRecord): void {
  mkdirSync(projectDir(project.hash), { recursive: true });
  const file = projectFile(project.hash);
  writeWhole(file, `${JSON.stringify(project, null, 2)}\n`, `${file}.${randomUUID()}`);
}

/** All of a file or nothing, whoever else writes it. */
function writeWhole(file: string, content: string, beside: string): void {
  writeFileSync(beside, content);
  renameSync(beside, file);
}

/** There as a whole or not at all. */
async function initialize(directory: string, objectFormat: string): Promise<void> {
  const beside = `${directory}.${randomUUID()}`;
  mkdirSync(beside);
  try {
    const init = ["init", "--quiet", "--bare", "--template=", `--object-format=${objectFormat}`];
    await runGit({ directory: beside }, init);
    renameSync(beside, directory);
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    // Another sandbox was first.
    if (!existsSync(directory)) throw error;
  }
}

/** Of a shallow clone, a commit's history is here only as far as the same boundary has it. */
function refsFor(repositories: readonly RepositoryState[]): string {
  const boundary = repositories.flatMap(({ shallow }) => shallow).sort();
  if (boundary.length === 0) return "refs/parhelia/have/";
  const digest = createHash("sha256").update(boundary.join("\n")).digest("hex").slice(0, 16);
  return `refs/parhelia/shallow/${digest}/`;
}

/** Not every file system has links. */
function linkOrCopy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
