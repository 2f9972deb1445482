import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { App, Image, ModalClient, Sandbox } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collect, TestEmulator, type TestRouter } from "../../test/test-emulator.ts";

const STDOUT = 0;
const STDERR = 1;

let emulator: TestEmulator;
let client: ModalClient;
let app: App;
let image: Image;
let sandbox: Sandbox;
let router: TestRouter;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  client = await emulator.client();
  ({ app, image } = await emulator.appAndImage(client));
  sandbox = await client.sandboxes.create(app, image);
  router = await emulator.router(client, sandbox.sandboxId);
});

afterAll(() => emulator.cleanUp());

/** Starts a command by the protocol itself. */
async function start(commandArgs: string[], more: object = {}): Promise<string> {
  const execId = randomUUID();
  const { taskId } = router;
  await router.router.taskExecStart({
    ...{ taskId, execId, commandArgs, stdoutConfig: 1, stderrConfig: 1 },
    ...more,
  });
  return execId;
}

function read(execId: string, fileDescriptor: 0 | 1 = STDOUT, offset = 0): Promise<Buffer> {
  const { taskId } = router;
  return collect(router.router.taskExecStdioRead({ taskId, execId, offset, fileDescriptor }));
}

async function status(execId: string): Promise<number | undefined> {
  const { taskId } = router;
  const { exitStatus } = await router.router.taskExecWait({ taskId, execId });
  return exitStatus?.value;
}

describe("a command by the protocol", () => {
  test("starts once for an exec id, however often it is asked for", async () => {
    const file = `/tmp/${randomUUID()}`;
    const { taskId } = router;
    const execId = randomUUID();
    const request = {
      taskId,
      execId,
      commandArgs: ["sh", "-c", `echo once >>${file}`],
      stdoutConfig: 1 as const,
    };
    await Promise.all([router.router.taskExecStart(request), router.router.taskExecStart(request)]);
    await status(execId);
    await router.router.taskExecStart(request);
    expect((await read(await start(["cat", file]))).toString()).toBe("once\n");
  });

  test("can be read from any offset, as often as asked, also after it has ended", async () => {
    const execId = await start(["sh", "-c", "echo 0123456789; echo error >&2"]);
    expect(await status(execId)).toBe(0);
    expect((await read(execId)).toString()).toBe("0123456789\n");
    expect((await read(execId, STDOUT, 4)).toString()).toBe("456789\n");
    expect((await read(execId, STDOUT, 11)).toString()).toBe("");
    expect((await read(execId, STDERR)).toString()).toBe("error\n");
  });

  test("with standard error merged has it in its place", async () => {
    const script = "echo 1; echo 2 >&2; echo 3";
    const execId = await start(["sh", "-c", script], { stderrConfig: 2 });
    expect((await read(execId)).toString().trim().split("\n").sort()).toEqual(["1", "2", "3"]);
    expect((await read(execId, STDERR)).toString()).toBe("");
  });

  test("is polled without a status while it runs", async () => {
    const execId = await start(["sh", "-c", "read line"]);
    const { taskId } = router;
    expect((await router.router.taskExecPoll({ taskId, execId })).exitStatus).toBeUndefined();
    await router.router.taskExecStdinWrite({ taskId, execId, offset: 0, data: Buffer.from("x\n") });
    expect(await status(execId)).toBe(0);
    expect(await router.router.taskExecPoll({ taskId, execId })).toMatchObject({
      exitStatus: { $case: "code", value: 0 },
    });
  });

  test("takes each byte of its input once, by offset", async () => {
    const { taskId } = router;
    const execId = await start(["cat"]);
    const write = (offset: number, text: string, eof = false) =>
      router.router.taskExecStdinWrite({ taskId, execId, offset, data: Buffer.from(text), eof });
    await write(0, "hello ");
    await write(0, "hello ");
    await write(3, "lo world");
    await expect(write(50, "gap")).rejects.toThrow(/INVALID_ARGUMENT.*leaves a gap/);
    // How the SDK closes when a write has failed: at offset 0.
    await write(0, "", true);
    expect((await read(execId)).toString()).toBe("hello world");
    expect(await status(execId)).toBe(0);
    await write(11, "", true);
    await expect(write(11, "late")).rejects.toThrow(/FAILED_PRECONDITION/);
  });

  test("takes its input as a stream, which another can go on with", async () => {
    const { taskId } = router;
    const execId = await start(["cat"]);
    const begin = (offset: number) => ({
      payload: { $case: "start" as const, value: { taskId, execId, offset } },
    });
    const data = (text: string) => ({
      payload: { $case: "data" as const, value: Buffer.from(text) },
    });
    const end = { payload: { $case: "end" as const, value: {} } };
    const broken = new AbortController();
    const first = router.router.taskExecStdinWriteStream(
      (async function* () {
        yield begin(0);
        yield data("first ");
        await delay(60_000, undefined, { signal: broken.signal }).catch(() => undefined);
      })(),
      { signal: broken.signal },
    );
    const written = () => router.router.taskExecStdinStatus({ taskId, execId });
    for await (const { data: echo } of router.router.taskExecStdioRead({ taskId, execId })) {
      expect(Buffer.from(echo).toString()).toBe("first ");
      break;
    }
    expect(await written()).toMatchObject({ numBytesWritten: 6, closed: false });
    broken.abort();
    await expect(first).rejects.toThrow(/abort/i);
    await router.router.taskExecStdinWriteStream(
      // eslint-disable-next-line @typescript-eslint/require-await -- what is sent is there already
      (async function* () {
        yield begin(0);
        yield data("first second");
        yield end;
      })(),
    );
    expect(await written()).toMatchObject({ numBytesWritten: 12, closed: true });
    expect((await read(execId)).toString()).toBe("first second");
  });

  test("waits for input no longer when it has ended", async () => {
    const { taskId } = router;
    const execId = await start(["sh", "-c", "exit 0"]);
    await status(execId);
    const data = Buffer.alloc(1024 * 1024);
    await expect(
      router.router.taskExecStdinWrite({ taskId, execId, offset: 0, data }),
    ).rejects.toThrow(/FAILED_PRECONDITION/);
  });

  test.each(["../../escape", "a/b", ""])(
    "keeps its output in its place for the id '%s'",
    async (id) => {
      const { taskId } = router;
      const request = { taskId, execId: id, commandArgs: ["echo", "x"], stdoutConfig: 1 as const };
      if (id === "") {
        await expect(router.router.taskExecStart(request)).rejects.toThrow(/INVALID_ARGUMENT/);
        return;
      }
      await router.router.taskExecStart(request);
      expect((await read(id)).toString()).toBe("x\n");
      expect(readdirSync(emulator.directory)).not.toContain("escape.stdout.0");
    },
  );

  test("is not found under an id that nobody gave, or in a task that is not there", async () => {
    const { taskId } = router;
    await expect(status(randomUUID())).rejects.toThrow(/NOT_FOUND/);
    await expect(read(randomUUID())).rejects.toThrow(/NOT_FOUND/);
    // The token is for one task only.
    await expect(router.router.taskExecPoll({ taskId: "ta-other", execId: "x" })).rejects.toThrow(
      /PERMISSION_DENIED/,
    );
    const start = {
      $case: "start" as const,
      value: { taskId: "ta-other", execId: "x", offset: 0 },
    };
    await expect(
      router.router.taskExecStdinWriteStream(
        // eslint-disable-next-line @typescript-eslint/require-await -- one message
        (async function* () {
          yield { payload: start };
        })(),
      ),
    ).rejects.toThrow(/PERMISSION_DENIED/);
    await expect(router.router.taskReloadVolumes({ taskId, containerId: "side" })).rejects.toThrow(
      /UNIMPLEMENTED/,
    );
  });

  test("leaves nothing on disk beyond its sandbox", async () => {
    const other = await client.sandboxes.create(app, image);
    const process = await other.exec(["echo", "kept a little"]);
    await process.wait();
    await other.terminate({ wait: true });
    expect(await process.stdout.readText()).toBe("kept a little\n");
    await expect(other.exec(["true"])).rejects.toThrow(/NOT_FOUND.*has already finished/);
    await emulator.kill("SIGTERM");
    await emulator.startProcess();
    expect(readdirSync(join(emulator.directory, "execs"))).toEqual([]);
  });
});
