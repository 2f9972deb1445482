import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ModalClient, Sandbox, SandboxExecParams } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestEmulator, until } from "../../test/test-emulator.ts";

let emulator: TestEmulator;
let client: ModalClient;
let sandbox: Sandbox;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  client = await emulator.client();
  const { app, image } = await emulator.appAndImage(client);
  sandbox = await client.sandboxes.create(app, image, { env: { OF_SANDBOX: "1", WHO: "sandbox" } });
});

afterAll(() => emulator.cleanUp());

/** Runs a shell command and gives what it printed and its status. */
async function shell(script: string, params: SandboxExecParams = {}) {
  const process = await sandbox.exec(["sh", "-c", script], { ...params, mode: "text" });
  const [stdout, stderr, status] = await Promise.all([
    process.stdout.readText(),
    process.stderr.readText(),
    process.wait(),
  ]);
  return { stdout, stderr, status };
}

describe("a command through the SDK", () => {
  test("has its output apart, and its own status", async () => {
    expect(await shell("echo out; echo err >&2; exit 3")).toEqual({
      stdout: "out\n",
      stderr: "err\n",
      status: 3,
    });
  });

  test("has the sandbox's environment, then secrets in their order, then its own variables", async () => {
    const first = await client.secrets.fromObject({ WHO: "first", KEY: "first" });
    const second = await client.secrets.fromObject({ WHO: "second", KEY: "second" });
    const { stdout } = await shell("echo $OF_SANDBOX $WHO $KEY", {
      secrets: [first, second],
      env: { WHO: "variable" },
    });
    expect(stdout).toBe("1 variable second\n");
  });

  test("runs where it is told to", async () => {
    expect((await shell("pwd", { workdir: "/usr/lib" })).stdout).toBe("/usr/lib\n");
  });

  test("passes on the status of a signal as a shell does", async () => {
    expect((await shell("kill -TERM $$")).status).toBe(143);
  });

  test.each([
    ["a command that is not there", ["no-such-command"], {}, 127, /not found/],
    ["a command that is not executable", ["/etc/passwd"], {}, 126, /permission denied/],
    ["a directory that is not there", ["true"], { workdir: "/nowhere" }, 126, /nowhere/],
  ])("%s fails as in a shell", async (_, command, params, expected, message) => {
    const process = await sandbox.exec(command, params);
    const [stdout, stderr, code] = await Promise.all([
      process.stdout.readText(),
      process.stderr.readText(),
      process.wait(),
    ]);
    expect({ stdout, code }).toEqual({ stdout: "", code: expected });
    expect(stderr).toMatch(message);
  });

  test("that prints what the engine says of a command it cannot start, did start", async () => {
    const { stdout, status: code } = await shell(
      "echo OCI runtime exec failed: not really; exit 5",
    );
    expect({ stdout, code }).toEqual({ stdout: "OCI runtime exec failed: not really\n", code: 5 });
  });

  test("takes text on its standard input, until it is closed", async () => {
    const process = await sandbox.exec(["sh", "-c", "cat; echo end"]);
    await process.stdin.writeText("one ");
    await process.stdin.writeText("two ");
    await process.stdin.close();
    expect(await process.stdout.readText()).toBe("one two end\n");
    expect(await process.wait()).toBe(0);
  });

  test("with its output ignored keeps none", async () => {
    const process = await sandbox.exec(["sh", "-c", "echo lost; echo lost >&2; exit 4"], {
      stdout: "ignore",
      stderr: "ignore",
    });
    expect(await process.stdout.readText()).toBe("");
    expect(await process.wait()).toBe(4);
  });

  test("that takes too long is killed, and its output until then can be read", async () => {
    const process = await sandbox.exec(["sh", "-c", "echo started; exec sleep 4321"], {
      timeoutMs: 1_000,
    });
    const startedAtMs = Date.now();
    const [stdout, code] = await Promise.all([process.stdout.readText(), process.wait()]);
    expect({ stdout, code }).toEqual({ stdout: "started\n", code: 137 });
    expect(Date.now() - startedAtMs).toBeLessThan(3_000);
    await until(async () => (await shell("grep -lz 432[1] /proc/[0-9]*/cmdline")).status !== 0);
  });

  test("that takes too long is killed alone: its children live on, as on Modal", async () => {
    const process = await sandbox.exec(["sh", "-c", "sleep 5432 & wait"], { timeoutMs: 1_000 });
    expect(await process.wait()).toBe(137);
    await until(async () => (await shell("grep -lz '& wai[t]' /proc/[0-9]*/cmdline")).status !== 0);
    expect((await shell("grep -lz 543[2] /proc/[0-9]*/cmdline")).status).toBe(0);
  });

  test("with a terminal sees one, of 80 columns, and its variables", async () => {
    const process = await sandbox.exec(["sh", "-c", "tty; stty size; echo $TERM; cat"], {
      pty: true,
    });
    const output = process.stdout.getReader();
    let text = "";
    const readUntil = async (end: string) => {
      for (let read; !text.endsWith(end); text += read.value) {
        read = await output.read();
        if (read.done) return;
      }
    };
    await readUntil("xterm-256color\r\n");
    expect(text).toMatch(/^\/dev\/pts\/\d+\r\n24 80\r\nxterm-256color\r\n$/);
    await process.stdin.writeText("typed\n");
    await readUntil("typed\r\ntyped\r\n"); // the terminal's echo, and the command's
    expect(text).toMatch(/typed\r\ntyped\r\n$/);
    await process.stdin.close();
    expect(await process.wait()).toBe(0);
  });

  test("whose child keeps its output open is over when it is itself", async () => {
    const process = await sandbox.exec(["sh", "-c", "sleep 30 & echo parent; exit 6"]);
    const startedAtMs = Date.now();
    expect(await process.wait()).toBe(6);
    expect(Date.now() - startedAtMs).toBeLessThan(2_000);
    expect(await process.stdout.readText()).toBe("parent\n");
  });

  test("passes 100 MB through and back unchanged, without needing as much memory", async () => {
    const process = await sandbox.exec(["cat"], { mode: "binary" });
    const piece = randomBytes(1024 * 1024);
    const sent = createHash("sha256");
    const received = createHash("sha256");
    const memoryBefore = peakMemoryMiB();
    const writing = (async () => {
      const writer = process.stdin.getWriter();
      for (let count = 0; count < 100; count++) {
        piece.writeUInt32BE(count);
        sent.update(piece);
        await writer.write(Uint8Array.from(piece));
      }
      await writer.close();
    })();
    let bytes = 0;
    for await (const data of process.stdout) {
      received.update(data);
      bytes += data.length;
    }
    await writing;
    expect(bytes).toBe(100 * 1024 * 1024);
    expect(received.digest("hex")).toBe(sent.digest("hex"));
    expect(await process.wait()).toBe(0);
    // Some 70 MiB of it are garbage of messages; data that is kept would come on top.
    expect(peakMemoryMiB() - memoryBefore).toBeLessThan(130);
  });
});

/** The most memory that the emulator's process ever had. */
function peakMemoryMiB(): number {
  const status = readFileSync(`/proc/${emulator.pid}/status`, "utf8");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) / 1024;
}
