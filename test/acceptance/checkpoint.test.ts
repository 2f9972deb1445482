import { expect, test } from "vitest";
import type {
  CheckpointList,
  CheckpointResult,
  CheckpointState,
} from "../../packages/parhelia/container/protocol/checkpoint.ts";
import { CONTAINER_PROGRAM } from "../../packages/parhelia/container/protocol/paths.ts";
import { useSession, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const session = useSession(home, "checkpoint");

const shell = (script: string) => session.output(["bash", "-euc", script]);
const take = async (...args: string[]) => {
  const command = [CONTAINER_PROGRAM, "checkpoint", "--reason", "request", ...args];
  return JSON.parse(await session.output(command)) as CheckpointResult;
};
const list = async () =>
  JSON.parse(await shell(`${CONTAINER_PROGRAM} checkpoints`)) as CheckpointList;

test("SPEC-01.12: a checkpoint has what the specification says, in a real sandbox", async () => {
  await shell("git init -q . && seq 100000 > numbers && tmux new-window -n build -c /tmp");
  const first = await take("--commit");
  expect(first).toMatchObject({ ok: true, unchanged: false, error: null });
  expect((await list()).checkpoints).toMatchObject([
    { id: first.id, reason: "request", status: "verified", damage: null, isLatest: true },
  ]);
  const directory = `/vol/parhelia/checkpoints/${session.name}`;
  const state = JSON.parse(await shell(`cat ${directory}/state.json`)) as CheckpointState;
  expect(state).toMatchObject({
    session: session.name,
    id: first.id,
    workspace: { directory: `/vol/parhelia/workspaces/${session.name}`, skipped: [], unstable: [] },
    versions: { claudeCode: "2.1.330" },
  });
  expect(state.windows).toContainEqual({
    name: "build",
    directory: "/tmp",
    active: true,
    named: true,
  });
  expect(state.environment).toContain("PARHELIA_SESSION");
  // The image's own tar unpacks it, without a word.
  const unpack = `mkdir /tmp/t && tar xzf ${directory}/workspace.tar.gz -C /tmp/t 2>&1 && diff -r --no-dereference . /tmp/t`;
  expect(await shell(unpack)).toBe("");
});

test("only what changed is written, and nothing where nothing did", async () => {
  const { id } = await take();
  expect(await take()).toMatchObject({ id, unchanged: true, bytes: 0 });
  await shell("echo changed > numbers && head -c 100000 /dev/urandom > new");
  const changed = await take();
  expect(changed).toMatchObject({ ok: true, unchanged: false });
  const { checkpoints } = await list();
  expect(checkpoints.map(({ status }) => status)).not.toContain("damaged");
  expect(checkpoints[0]?.id).toBe(changed.id);
});

test("what is no checkpoint is refused", async () => {
  const wrong = await session.exec([CONTAINER_PROGRAM, "checkpoint", "--reason", "boredom"]);
  expect(wrong).toMatchObject({ exitStatus: 2, stdout: "" });
  expect(wrong.stderr).toContain("REASON is one of request, timer");
  const elsewhere = await session.exec([CONTAINER_PROGRAM, "checkpoints", "../config"]);
  expect(elsewhere.exitStatus).toBe(2);
});
