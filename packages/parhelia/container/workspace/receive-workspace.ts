import { commitVolume } from "../commit-volume.ts";
import type { CloneRequest, HeaderAnswer, WorkspaceHeader } from "../protocol/workspace.ts";
import { LineThenBytes } from "../repository/line-then-bytes.ts";
import { cloneWorkspace } from "./clone-workspace.ts";
import { beginFilling, endFilling } from "./incomplete-tree.ts";
import { makeTree } from "./make-tree.ts";
import { ProjectStore, writeProject } from "./project-store.ts";

/**
 * `parhelia-container receive-workspace`, as the session's user: takes a project on standard input and makes the
 * session's working tree of it, in PARHELIA_WORKSPACE. With `--clone` it takes the address of one instead. One that
 * is cut off leaves a tree that counts as incomplete: the next fills it again. See `protocol/workspace.ts` for what
 * goes to and fro.
 */
export async function receiveWorkspace([option]: readonly string[]): Promise<void> {
  process.umask(0o022);
  try {
    const input = new LineThenBytes(process.stdin);
    const line = await input.line();
    if (line === undefined) throw new Error("the input ended before all of the header had come");
    const directory = sessionDirectory();
    if (!beginFilling(directory)) {
      answer({ refused: "exists" });
      return;
    }
    if (option === "--clone") await clone(directory, JSON.parse(line) as CloneRequest);
    else await receive(directory, JSON.parse(line) as WorkspaceHeader, input);
    // All of it is there before it counts as such.
    commitVolume();
    endFilling(directory);
    commitVolume();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`parhelia receive-workspace: ${reason}\n`);
    process.exitCode = 1;
  }
}

async function receive(
  directory: string,
  { project, objectFormat, repositories, offers }: WorkspaceHeader,
  input: LineThenBytes,
): Promise<void> {
  const store = await ProjectStore.open(project, objectFormat);
  answer({ has: await store.has(offers, repositories) });
  await store.add(input.bytes(), repositories);
  for (const state of repositories) await makeTree(directory, state, objectFormat, store);
}

async function clone(directory: string, { project, ...request }: CloneRequest): Promise<void> {
  writeProject(project);
  await cloneWorkspace(directory, request);
}

function answer(value: HeaderAnswer): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** The session's own working directory; init has made it. */
export function sessionDirectory(): string {
  const { PARHELIA_WORKSPACE: directory } = process.env;
  if (directory === undefined) throw new Error("PARHELIA_WORKSPACE is not set");
  return directory;
}
