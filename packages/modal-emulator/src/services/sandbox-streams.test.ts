import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { App, Image, ModalClient } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collect, TestEmulator } from "../../test/test-emulator.ts";

const STDOUT = 0;
const STDERR = 1;

type Modal = Awaited<ReturnType<TestEmulator["modal"]>>;

let emulator: TestEmulator;
let client: ModalClient;
let modal: Modal;
let app: App;
let image: Image;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  client = await emulator.client();
  modal = await emulator.modal();
  ({ app, image } = await emulator.appAndImage(client));
});

afterAll(() => emulator.cleanUp());

type Params = Parameters<ModalClient["sandboxes"]["create"]>[2];
const run = (script: string, params: Params = {}) =>
  client.sandboxes.create(app, image, { ...params, command: ["sh", "-c", script] });

describe("a sandbox's own output", () => {
  test("is there as it comes, also without an end of line", async () => {
    const sandbox = await run("printf begun; echo problem >&2; sleep 600");
    const reader = sandbox.stdout.getReader();
    expect((await reader.read()).value).toBe("begun");
    const problem = await sandbox.stderr.getReader().read();
    expect(problem.value).toBe("problem\n");
    await sandbox.terminate({ wait: true });
    expect((await reader.read()).done).toBe(true);
  });

  test("can be read after the end, by id, from any offset", async () => {
    const { sandboxId } = await run("echo 0123456789; echo error >&2; exit 1");
    const again = await client.sandboxes.fromId(sandboxId);
    expect(await again.wait()).toBe(1);
    expect(await again.stdout.readText()).toBe("0123456789\n");
    const { router, taskId } = await emulator.router(client, sandboxId);
    const read = (offset: number, fileDescriptor: 0 | 1) =>
      collect(router.sandboxStdioReadV2({ taskId, offset, fileDescriptor }));
    expect((await read(4, STDOUT)).toString()).toBe("456789\n");
    expect((await read(11, STDOUT)).toString()).toBe("");
    expect((await read(0, STDERR)).toString()).toBe("error\n");
    const files = readdirSync(join(emulator.directory, "logs"));
    for (const file of files) {
      expect(statSync(join(emulator.directory, "logs", file)).mode & 0o077).toBe(0);
    }
  });

  test("beyond what is kept is the recent part, at its right offset, and never empty", async () => {
    const bytes = 12_000_000;
    const sandbox = await run(`head -c ${bytes} /dev/zero; printf end`);
    await sandbox.wait();
    const { router, taskId } = await emulator.router(client, sandbox.sandboxId);
    let expected: number | undefined;
    let last = "";
    for await (const { data, startingOffset } of router.sandboxStdioReadV2({ taskId })) {
      if (expected === undefined) expect(startingOffset).toBeGreaterThan(bytes - 6 * 1024 * 1024);
      else expect(startingOffset).toBe(expected);
      expect(data.length).toBeGreaterThan(0);
      expected = startingOffset + data.length;
      last = Buffer.from(data.subarray(-3)).toString();
    }
    expect(expected).toBe(bytes + 3);
    expect(last).toBe("end");
  });

  test("of a terminal is one stream", async () => {
    const sandbox = await run("tty; echo $TERM; echo error >&2", { pty: true });
    await sandbox.wait();
    expect(await sandbox.stdout.readText()).toMatch(/^\/dev\/.*\r\nxterm-256color\r\nerror\r\n$/);
    expect(await sandbox.stderr.readText()).toBe("");
  });
});

describe("a sandbox's own input", () => {
  test("reaches its process, once, and ends", async () => {
    const sandbox = await run("read first; echo got $first; cat; echo end");
    await sandbox.stdin.writeText("one\n");
    await sandbox.stdin.writeText("two\n");
    const { router, taskId } = await emulator.router(client, sandbox.sandboxId);
    await router.sandboxStdinWriteV2({ taskId, offset: 0, data: Buffer.from("one\n") });
    await sandbox.stdin.close();
    expect(await sandbox.stdout.readText()).toBe("got one\ntwo\nend\n");
    expect(await sandbox.wait()).toBe(0);
    await expect(
      router.sandboxStdinWriteV2({ taskId, offset: 8, data: Buffer.from("late") }),
    ).rejects.toThrow(/NOT_FOUND.*already finished/);
  });
});

describe("a sandbox's readiness", () => {
  const isReady = () => modal.Probe.withExec(["test", "-f", "/tmp/ready"], { intervalMs: 20 });

  test("is waited for by all, and remembered", async () => {
    const sandbox = await run("sleep 0.4; touch /tmp/ready; sleep 600", {
      readinessProbe: isReady(),
    });
    const startedAtMs = Date.now();
    await Promise.all([sandbox.waitUntilReady(), sandbox.waitUntilReady()]);
    expect(Date.now() - startedAtMs).toBeGreaterThan(200);
    const { router, taskId } = await emulator.router(client, sandbox.sandboxId);
    const first = await router.sandboxWaitUntilReady({ taskId, timeout: 1 });
    const second = await router.sandboxWaitUntilReady({ taskId, timeout: 1 });
    expect(second.readyAt).toBe(first.readyAt);
    const { sandboxes } = await emulator.controlPlane().sandboxListV2({ appId: app.appId });
    expect(sandboxes.find(({ id }) => id === sandbox.sandboxId)?.readyAt).toBe(first.readyAt);
  });

  test("fails at once when the sandbox ends first", async () => {
    const sandbox = await run("sleep 0.3; exit 9", { readinessProbe: isReady() });
    const startedAtMs = Date.now();
    await expect(sandbox.waitUntilReady(60_000)).rejects.toThrow(
      /FAILED_PRECONDITION.*ended before it was ready: its command ended with 9/,
    );
    expect(Date.now() - startedAtMs).toBeLessThan(5_000);
  });

  test("fails when its time is over", async () => {
    const sandbox = await run("sleep 600", { readinessProbe: isReady() });
    await expect(sandbox.waitUntilReady(500)).rejects.toThrow(modal.TimeoutError);
    const { router, taskId } = await emulator.router(client, sandbox.sandboxId);
    await expect(router.sandboxWaitUntilReady({ taskId, timeout: 0.1 })).rejects.toThrow(
      /DEADLINE_EXCEEDED/,
    );
  });

  test("fails without a probe", async () => {
    const sandbox = await run("sleep 600");
    await expect(sandbox.waitUntilReady()).rejects.toThrow(
      /FAILED_PRECONDITION.*no readiness probe/,
    );
  });

  test("comes with a port that somebody listens on, without a network too", async () => {
    const listen = `sleep 0.3; exec perl -MIO::Socket::INET -e '
      $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 8123, Listen => 1) or die $!;
      sleep 600'`;
    const readinessProbe = modal.Probe.withTcp(8123, { intervalMs: 20 });
    const sandbox = await run(listen, { readinessProbe, blockNetwork: true });
    const startedAtMs = Date.now();
    await sandbox.waitUntilReady(20_000);
    expect(Date.now() - startedAtMs).toBeGreaterThan(150);
  });

  test("is found out in an image whose shell cannot repeat a probe", async () => {
    const bare = await client.images
      .fromRegistry("debian:bookworm-slim")
      .dockerfileCommands(["RUN mv /usr/bin/env /usr/bin/other-env && mv /bin/sh /bin/other-sh"])
      .build(app);
    const sandbox = await client.sandboxes.create(app, bare, { readinessProbe: isReady() });
    await (await sandbox.exec(["touch", "/tmp/ready"])).wait();
    await sandbox.waitUntilReady(20_000);
  });
});
