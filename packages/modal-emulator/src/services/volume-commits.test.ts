import { setTimeout as delay } from "node:timers/promises";
import type { App, Image, ModalClient, Sandbox, Volume } from "modal";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { KIND_LABEL } from "../containers/labels.ts";
import { TestEmulator, until } from "../../test/test-emulator.ts";

/** Long enough to do much without a background commit. */
const NEVER = { MODAL_EMULATOR_VOLUMES: "committed", MODAL_EMULATOR_COMMIT_INTERVAL_S: "3600" };
const SOON = { ...NEVER, MODAL_EMULATOR_COMMIT_INTERVAL_S: "1" };

let emulator: TestEmulator;
let client: ModalClient;
let app: App;
let image: Image;
let volume: Volume;
let count = 0;
const created: Sandbox[] = [];

beforeAll(async () => {
  emulator = await TestEmulator.start(NEVER);
  client = await emulator.client();
  ({ app, image } = await emulator.appAndImage(client));
});

afterEach(async () => {
  for (const sandbox of created.splice(0)) await sandbox.terminate({ wait: true });
});

afterAll(() => emulator.cleanUp());

async function newVolume(): Promise<Volume> {
  count += 1;
  return client.volumes.fromName(`v${count}`, { createIfMissing: true, version: 2 });
}

/** A sandbox that has the volume at /data. */
async function start(mounted: Volume = volume, command?: string[]): Promise<Sandbox> {
  const sandbox = await client.sandboxes.create(app, image, {
    volumes: { "/data": mounted },
    ...(command === undefined ? {} : { command }),
  });
  created.push(sandbox);
  return sandbox;
}

/** Runs a script in the mounted volume. @returns what it prints, or its status where that is not 0 */
async function run(sandbox: Sandbox, script: string): Promise<string> {
  const exec = await sandbox.exec(["sh", "-c", `cd /data && { ${script}\n}`]);
  const [output, errors, status] = await Promise.all([
    exec.stdout.readText(),
    exec.stderr.readText(),
    exec.wait(),
  ]);
  return status === 0 ? output.trim() : `status ${status}: ${errors.trim()}`;
}

/** What the volume has without a sandbox, by path. */
async function committed(of: Volume = volume): Promise<string[]> {
  const paths = [];
  const request = { volumeId: of.volumeId, path: "/", recursive: true };
  for await (const { entries } of client.cpClient.volumeListFiles2(request)) {
    paths.push(...entries.map(({ path }) => path));
  }
  return paths.sort();
}

/** SIGKILL to the container, past the emulator. */
async function killContainer(sandbox: Sandbox): Promise<void> {
  const { instance } = emulator.credentials;
  await emulator.docker.getContainer(`modal-emulator-${instance}-${sandbox.sandboxId}`).kill();
}

async function views(): Promise<string[]> {
  const label = [`modal-emulator.instance=${emulator.credentials.instance}`];
  const { Volumes } = await emulator.docker.listVolumes({
    filters: { label: [...label, `${KIND_LABEL}=view`] },
  });
  const keepers = (await emulator.containers()).filter(
    ({ Labels }) => Labels[KIND_LABEL] === "keeper",
  );
  return [...Volumes.map(({ Name }) => Name), ...keepers.map(({ Id }) => Id)];
}

describe("SPEC-01.12 a write to a committed volume", () => {
  test("is seen by others after `sync` of the mount and their own reload, not before", async () => {
    volume = await newVolume();
    const [a, b] = await Promise.all([start(), start()]);
    await run(a, "echo 1 >one");
    expect(await run(b, "ls")).toBe("");
    await b.reloadVolumes();
    expect(await run(b, "ls")).toBe("");
    expect(await committed()).toEqual([]);

    expect(await run(a, "sync /data && echo done")).toBe("done");
    expect(await committed()).toEqual(["one"]);
    expect(await run(b, "ls")).toBe("");
    await b.reloadVolumes();
    expect(await run(b, "cat one")).toBe("1");
    // A reload commits, too.
    await run(b, "echo 2 >two");
    await b.reloadVolumes();
    await a.reloadVolumes();
    expect(await run(a, "cat one two")).toBe("1\n2");
    // Who starts sees what is committed.
    expect(await run(await start(), "cat one two")).toBe("1\n2");
  });

  test("by two of one file: the last commit wins, file by file", async () => {
    volume = await newVolume();
    const [a, b] = await Promise.all([start(), start()]);
    await run(a, "echo a >both; echo a >a; sync /data/");
    await run(b, "echo b >both; echo b >b; sync .");
    await Promise.all([a.reloadVolumes(), b.reloadVolumes()]);
    for (const sandbox of [a, b]) expect(await run(sandbox, "cat a b both")).toBe("a\nb\nb");
    await run(a, "echo again >both; sync /data");
    await b.reloadVolumes();
    expect(await run(b, "cat both")).toBe("again");
  });

  test("keeps links, modes, owners and times; what is removed or becomes another kind is so for others", async () => {
    volume = await newVolume();
    const [a, b] = await Promise.all([start(), start()]);
    const look = `find . -printf '%y %m %U:%G %n %T@ %l %p\\n' | grep -v '^d' | sort; find . -type d -printf '%m %U:%G %p\\n' | sort`;
    await run(
      a,
      `mkdir -p d/deep 'a b/ä' && echo x >d/deep/x && ln d/deep/x 'a b/hard' && ln -s deep/x d/soft
       ln -s /nowhere gone && printf 1 >'a b/ä/-rf' && chmod 640 d/deep/x && chmod 2755 d
       chown -h 1000:1001 d/soft && chown 1000 d/deep . && touch -d 2001-02-03T04:05:06.123456789 'a b/ä/-rf'
       printf 'x' >'tab	and \\ backslash' && : >empty && sync /data`,
    );
    await b.reloadVolumes();
    const expected = await run(a, look);
    expect(expected).toContain("a b/hard");
    expect(await run(b, look)).toBe(expected);

    await run(
      a,
      `rm -r d/deep && echo file >d/deep && rm gone && mkdir gone && : >gone/in && ln -sfn empty d/soft
       rm 'a b/ä/-rf' && rmdir 'a b/ä' && chmod 600 empty && chmod 700 'a b' && sync /data`,
    );
    await b.reloadVolumes();
    expect(await run(b, look)).toBe(await run(a, look));
    expect(await run(b, "cat d/deep; ls -A")).toMatch(/^file\n/);
  });

  test("is committed in the background, and what was seen so survives a kill", async () => {
    volume = await newVolume();
    await emulator.kill();
    await emulator.startProcess(SOON);
    const sandbox = await start();
    await run(sandbox, "echo 1 >one");
    await until(async () => (await committed()).includes("one"));
    await emulator.kill();
    await emulator.startProcess(NEVER);
    await killContainer(sandbox);
    await sandbox.wait();
    expect(await committed()).toEqual(["one"]);
  });

  test("is lost by a kill of the container, and kept by its end, however that came", async () => {
    volume = await newVolume();
    const killed = await start();
    await run(killed, "echo 1 >kept; sync /data; echo 1 >lost");
    await killContainer(killed);
    expect(await killed.wait()).toBe(137);
    expect(await committed()).toEqual(["kept"]);

    const ended = await start(volume, ["sh", "-c", "echo 1 >/data/ended; exit 3"]);
    expect(await ended.wait()).toBe(3);
    const trap = "trap 'echo 1 >/data/terminated; exit' TERM; sleep 100 & wait";
    const terminated = await start(volume, ["sh", "-c", trap]);
    await run(terminated, "echo 1 >written");
    await terminated.terminate({ wait: true });
    expect(await committed()).toEqual(["ended", "kept", "terminated", "written"]);
    await until(async () => (await views()).length === 0);
  });

  test("survives SIGKILL of the emulator, while the sandbox runs and while it ends", async () => {
    volume = await newVolume();
    const [a, b] = await Promise.all([start(), start()]);
    await run(a, "echo 1 >running");
    const ending = await start(volume, ["sh", "-c", "sleep 3; echo 1 >/data/ended"]);
    await emulator.kill();
    await delay(4_000);
    await emulator.startProcess(NEVER);
    expect(await ending.wait()).toBe(0);
    await run(a, "sync /data");
    await b.reloadVolumes();
    expect(await run(b, "ls")).toBe("ended\nrunning");
  });
});

describe("SPEC-01.12 a committed volume", () => {
  test("is mounted read-only, or one folder of it", async () => {
    volume = await newVolume();
    const writer = await start();
    await run(writer, "echo 1 >one; mkdir 'sub dir'; echo 2 >'sub dir/two'; sync /data");
    const readOnly = await start(volume.withMountOptions({ readOnly: true }));
    const folder = await start(volume.withMountOptions({ subPath: "sub dir" }));
    expect(await run(readOnly, "cat one; echo 3 >three")).toMatch(/Read-only file system/);
    expect(await run(folder, "ls -A; echo 3 >three; sync /data")).toBe("two");
    await readOnly.reloadVolumes();
    expect(await run(readOnly, "ls -A . 'sub dir' | xargs")).toBe(
      ".: one sub dir sub dir: three two",
    );
  });

  test("without a sandbox, files are removed from what is committed", async () => {
    volume = await newVolume();
    const sandbox = await start();
    await run(sandbox, "echo 1 >one; echo 2 >two; sync /data");
    const { volumeId } = volume;
    await client.cpClient.volumeRemoveFile2({ volumeId, path: "one", recursive: false });
    expect(await run(sandbox, "ls")).toBe("one\ntwo");
    await sandbox.reloadVolumes();
    expect(await run(sandbox, "ls")).toBe("two");
  });

  test("a reload does not disturb who has a file open", async () => {
    volume = await newVolume();
    const sandbox = await start();
    await run(
      sandbox,
      "(for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done) >log 2>&1 &\n sync /data",
    );
    await sandbox.reloadVolumes();
    await until(async () => (await run(sandbox, "wc -l <log")) === "6");
  });

  test("`sync` does all else that it did, for any user", async () => {
    volume = await newVolume();
    const sandbox = await start();
    expect(await run(sandbox, "sync && sync -d /etc/passwd && echo fine")).toBe("fine");
    expect(await run(sandbox, "sync /missing")).toMatch(/status 1: .*missing/);
    expect(await run(sandbox, "su -s /bin/sh nobody -c 'sync /data' && echo fine")).toBe("fine");
  });

  test("of 5,000 files costs a start this much", async () => {
    const measured: string[] = [];
    const time = async (what: string, action: () => Promise<unknown>) => {
      const startMs = performance.now();
      await action();
      measured.push(`${what}: ${Math.round(performance.now() - startMs)} ms`);
    };
    volume = await newVolume();
    await time("start with an empty volume", () => start());
    const writer = created[0] as Sandbox;
    await run(
      writer,
      "for d in $(seq 100); do mkdir $d; for f in $(seq 50); do echo $d.$f >$d/$f; done; done",
    );
    await time("commit of 5,000 files", () => run(writer, "sync /data"));
    await time("commit of none", () => run(writer, "sync /data"));
    await time("commit of one", () => run(writer, "echo 1 >one; sync /data"));
    await time("start with 5,000 files", () => start());
    const reader = created[1] as Sandbox;
    expect(await run(reader, "find . -type f | wc -l")).toBe("5001");
    await time("reload", () => reader.reloadVolumes());
    process.stdout.write(`committed volumes: ${measured.join("; ")}\n`);
    expect((await committed()).length).toBe(5_101);
  });
});
