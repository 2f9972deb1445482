import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type {
  CheckpointList,
  CheckpointResult,
  CheckpointState,
} from "../../packages/parhelia/container/protocol/checkpoint.ts";
import { CONTAINER_PROGRAM } from "../../packages/parhelia/container/protocol/paths.ts";
import { engine, instanceOf, sandboxContainers } from "../support/engine-things.ts";
import { eventually } from "../support/eventually.ts";
import { connectSdk } from "../support/sdk.ts";
import { Session, useSession, useSharedHome } from "../support/shared-home.ts";

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
    versions: { claudeCode: "2.1.330", parhelia: expect.any(String) as string },
  });
  expect(state.windows).toContainEqual({
    name: "build",
    directory: "/tmp",
    active: true,
    named: true,
    conversation: null,
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

test("SPEC-01.03: a new sandbox goes on where a checkpoint was: tree, conversation, windows", async () => {
  const conversations =
    "$CLAUDE_CONFIG_DIR/projects/-vol-parhelia-workspaces-${PARHELIA_SESSION//[^A-Za-z0-9]/-}";
  const line = `{"sessionId":"5a","cwd":"$PARHELIA_WORKSPACE"}`;
  await shell(
    `mkdir -p "${conversations}" && echo "${line.replaceAll('"', String.raw`\"`)}" >"${conversations}/5a.jsonl"; mkdir -p sub; ln -sf sub link; tmux new-window -n deep -c "$PWD/sub"`,
  );
  expect(await take("--commit")).toMatchObject({ ok: true, unchanged: false });
  const fork = new Session(home, "checkpoint-fork");
  await fork.up("--env", `PARHELIA_RESTORE=${session.name}/latest`);
  try {
    const tree = `/vol/parhelia/workspaces/${fork.name}`;
    const same = `diff -r --no-dereference /vol/parhelia/workspaces/${session.name} ${tree} && git status --porcelain | wc -l`;
    expect(await fork.output(["bash", "-c", same])).toBe(
      await shell("git status --porcelain | wc -l"),
    );
    const conversation = await fork.output(["bash", "-euc", `cat "${conversations}/5a.jsonl"`]);
    expect(JSON.parse(conversation)).toEqual({ sessionId: "5a", cwd: tree });
    const windows = await fork.output([
      "tmux",
      "list-windows",
      "-F",
      "#{window_active} #W #{pane_current_path}",
    ]);
    expect(windows.split("\n")).toContain(`1 deep ${tree}/sub`);
    const log = await home.succeed(["logs", fork.name]);
    expect(log).toMatch(
      /restored checkpoint .* of checkpoint-\d+: workspace restored; 1 conversations/,
    );
  } finally {
    await fork.stop();
  }
});

test("a damaged checkpoint ends the start, and names the one that is whole", async () => {
  const [, before] = (await list()).checkpoints;
  await shell(
    `echo broken > /vol/parhelia/checkpoints/${session.name}/latest/conversation.json && sync /vol/parhelia`,
  );
  const fork = new Session(home, "checkpoint-damaged");
  const up = await home.run(["up", fork.name, "--env", `PARHELIA_RESTORE=${session.name}/latest`]);
  expect(up.exitStatus).toBe(1);
  expect(up.stderr).toContain("is damaged: conversation.json");
  expect(up.stderr).toContain(`parhelia resume ${session.name} --at ${before?.id ?? ""}`);
});

test("a full disk leaves the checkpoint before, and a writer killed anywhere does", async () => {
  const { id } = await take();
  expect(id).not.toBeNull();
  const kills = Number(process.env["PARHELIA_KILLS"] ?? 20);
  const script = `
    mkdir -p /vol/parhelia/checkpoints /var/lib/parhelia/checkpoint /tmp/tree
    chown 1000:1000 /vol/parhelia/checkpoints /var/lib/parhelia/checkpoint
    cd /tmp/tree
    take() { parhelia-container checkpoint --reason request; }
    head -c 9000000 /dev/urandom >first; take
    for kill in $(seq ${kills}); do
      head -c 500000 /dev/urandom >"changing-$((kill % 7))"
      take >/dev/null & sleep "0.$((RANDOM % 4))$((RANDOM % 10))"; kill -9 $! || true; wait $! || true
    done 2>/dev/null
    parhelia-container checkpoints full
    head -c 40000000 /dev/urandom >second; take || echo "status $?"
    parhelia-container checkpoints full
    ls /vol/parhelia/checkpoints/full/history | grep -c partial || true`;
  const [first, afterKills, full, status, afterFull, partial] = await inSmallVolume(script);
  expect(JSON.parse(first ?? "")).toMatchObject({ ok: true });
  const damaged = (line = "") =>
    (JSON.parse(line) as CheckpointList).checkpoints.filter(({ status }) => status !== "verified");
  expect(damaged(afterKills)).toEqual([]);
  expect(JSON.parse(full ?? "")).toMatchObject({ ok: false, unchanged: false });
  expect((JSON.parse(full ?? "") as CheckpointResult).error).toMatch(/ENOSPC|no space/i);
  expect(status).toBe("status 1");
  expect(damaged(afterFull)).toEqual([]);
  expect((JSON.parse(afterFull ?? "") as CheckpointList).checkpoints.map((one) => one.id)).toEqual(
    (JSON.parse(afterKills ?? "") as CheckpointList).checkpoints.map((one) => one.id),
  );
  expect(partial).toBe("0");
});

test("a volume that is full at the commit has the checkpoint before, whole, and it is said", async () => {
  const volume = `full-${process.pid}`;
  const configuration = join(home.directory, "full.toml");
  writeFileSync(configuration, `[image]\npip = []\n[volume]\nname = "${volume}"\n`);
  const modal = await connectSdk(home);
  const { volumeId } = await modal.volumes.fromName(volume, { createIfMissing: true, version: 2 });
  await makeSmallVolume(volumeId);
  const full = new Session(home, "full", ["--config", configuration]);
  await full.up();
  try {
    await full.output(["sh", "-c", "seq 1000 >small"]);
    const before = await full.command("checkpoint", "--json");
    const { id } = JSON.parse(before.stdout) as { id: string };
    // It fits once, but not in an archive beside it.
    await full.output(["sh", "-c", "head -c 30000000 /dev/urandom >large"]);
    const failed = await full.command("checkpoint");
    expect(failed.exitStatus).toBe(1);
    expect(failed.stderr).toMatch(/no checkpoint of full-\d+ could be taken: [^]*No space left/);
    expect(failed.stderr).toContain("the session goes on");
    const kept = (await full.checkpoints()).map((one) => [one.id, one.status]);
    expect(kept).toEqual([[id, "kept"]]);

    const stopped = await full.command("stop");
    expect(stopped.exitStatus, stopped.stderr).toBe(1);
    expect(stopped.stderr).toMatch(/No space left/);
    expect(await full.output(["cat", "small"])).toContain("1000");
  } finally {
    const ended = await full.command("stop", "--force");
    expect(ended.exitStatus, ended.stderr).toBe(0);
    await eventually("the volume is free", 20_000, () =>
      modal.volumes.delete(volume).then(
        () => true,
        () => undefined,
      ),
    );
    modal.close();
  }
});

/** Makes the engine's volume of a volume before its first use: a disk of 40 MB, as long as somebody mounts it. */
async function makeSmallVolume(volumeId: string): Promise<void> {
  const instance = instanceOf(home);
  await (
    await engine()
  ).createVolume({
    Name: `modal-emulator-${instance}-${volumeId}`,
    Labels: { "modal-emulator.instance": instance, "modal-emulator.kind": "volume" },
    DriverOpts: { type: "tmpfs", device: "tmpfs", o: "size=40m" },
  });
}

/** Runs a script as root in the sandbox's image, where the volume is a disk of 40 MB. @returns its lines */
async function inSmallVolume(script: string): Promise<string[]> {
  const docker = await engine();
  const [container] = (await sandboxContainers(home)).values();
  if (container === undefined) throw new Error("no sandbox runs");
  let output = "";
  const lines = new PassThrough();
  lines.on("data", (data: Buffer) => void (output += data.toString()));
  await docker.run(container.ImageID, ["-euc", script], lines, {
    Entrypoint: ["bash"],
    Tty: true,
    Env: ["PARHELIA_SESSION=full", "PARHELIA_WORKSPACE=/tmp/tree"],
    HostConfig: {
      AutoRemove: true,
      NetworkMode: "none",
      Tmpfs: { "/vol/parhelia": "size=40m,mode=755" },
    },
  });
  return output.trim().split(/\r?\n/);
}
