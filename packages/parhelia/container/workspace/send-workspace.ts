import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { projectFile, WORKSPACES_DIR, workspaceDir } from "../../src/volume/layout.ts";
import {
  SENT_REF,
  type NoWorkspace,
  type Objects,
  type ProjectRecord,
  type SessionHeader,
  type SessionRepository,
} from "../protocol/workspace.ts";
import { changedFiles } from "../repository/changed-files.ts";
import { tipsOf } from "../repository/describe-repository.ts";
import { LineThenBytes } from "../repository/line-then-bytes.ts";
import { tryGit } from "../repository/run-git.ts";
import { takeProject } from "../repository/take-project.ts";
import { isIncomplete } from "./incomplete-tree.ts";

const PROJECT_DIRECTORY = /^p-[0-9a-f]{16}$/;

/**
 * `parhelia-container send-workspace SESSION`, as the session's user: gives the session's working tree on standard
 * output, as far as the other side lacks it. The tree is left as it is. See `protocol/workspace.ts` for what goes
 * to and fro.
 */
export async function sendWorkspace([session = ""]: readonly string[]): Promise<void> {
  try {
    const tree = findTree(session);
    if (tree === undefined) {
      say({ missing: "project" });
      return;
    }
    if (isIncomplete(tree)) {
      say({ missing: "part" });
      return;
    }
    await send(tree);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`parhelia send-workspace: ${reason}\n`);
    process.exitCode = 1;
  }
}

async function send(tree: string): Promise<void> {
  const taken = await takeProject(tree, "all");
  try {
    const repositories = await Promise.all(
      taken.repositories.map(async (repository, index): Promise<SessionRepository> => {
        const state = taken.states[index];
        if (state === undefined) throw new Error(`${repository.path} was not taken`);
        const place = { directory: repository.workTree };
        const [sent, changed] = await Promise.all([
          tryGit(place, ["rev-parse", "--verify", "--quiet", SENT_REF]),
          changedFiles(repository, state.head),
        ]);
        return { ...state, sent: sent ?? null, changed };
      }),
    );
    const { objectFormat, offers, exchange } = taken;
    say({ project: readProject(tree), objectFormat, repositories, offers });
    const line = await new LineThenBytes(process.stdin).line();
    if (line === undefined) throw new Error("the input ended before an answer had come");
    const sent = repositories.flatMap((repository) => repository.sent ?? []);
    const tips = [...new Set([...taken.states.flatMap(tipsOf), ...sent])];
    const pack = exchange.pack(tips, JSON.parse(line) as Objects);
    for await (const chunk of pack.stream) await write(chunk as Uint8Array);
    await pack.done;
  } finally {
    taken.exchange.remove();
  }
}

/** The session's own tree, in the directory of its project. */
function findTree(session: string): string | undefined {
  const hashes = readdirSync(WORKSPACES_DIR).filter((name) => PROJECT_DIRECTORY.test(name));
  const trees = hashes.map((hash) => workspaceDir(session, hash));
  return trees.find((tree) => isIncomplete(tree) || existsSync(join(tree, ".git")));
}

function readProject(tree: string): ProjectRecord {
  const file = projectFile(basename(dirname(tree)));
  return JSON.parse(readFileSync(file, "utf8")) as ProjectRecord;
}

function say(line: SessionHeader | NoWorkspace): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** No faster than it is taken. */
function write(chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(chunk, (error) => {
      if (error == null) resolve();
      else reject(error);
    });
  });
}
