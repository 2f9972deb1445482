import { randomBytes } from "node:crypto";
import {
  AlreadyExistsError,
  InvalidError,
  NotFoundError,
  Probe,
  type App,
  type Image,
  type ModalClient,
  type Sandbox,
  type SandboxCreateParams,
} from "modal";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { randomSecret, sha256 } from "../support/leaks.ts";
import { connectSdk } from "../support/sdk.ts";
import { useSharedHome } from "../support/shared-home.ts";

const MIB = 1024 ** 2;
const UNIQUE = `sdk-${process.pid}`;

const home = useSharedHome();

let modal: ModalClient;
let app: App;
let image: Image;
const created: Sandbox[] = [];

beforeAll(async () => {
  modal = await connectSdk(home);
  app = await modal.apps.fromName("sdk", { createIfMissing: true });
  image = await modal.images
    .fromRegistry("debian:bookworm-slim")
    .dockerfileCommands(["ENV FROM_IMAGE=yes", "RUN mkdir /made && echo by a layer > /made/file"])
    .dockerfileCommands(["WORKDIR /made"])
    .build(app);
});
afterEach(async () => {
  for (const sandbox of created.splice(0)) await sandbox.terminate({ wait: true });
});
afterAll(() => modal.close());

async function create(params: SandboxCreateParams = {}): Promise<Sandbox> {
  const sandbox = await modal.sandboxes.create(app, image, { timeoutMs: 120_000, ...params });
  created.push(sandbox);
  return sandbox;
}

async function output(sandbox: Sandbox, script: string): Promise<string> {
  const process = await sandbox.exec(["sh", "-c", script]);
  const [stdout] = await Promise.all([process.stdout.readText(), process.wait()]);
  return stdout;
}

describe("images, by the unmodified SDK (SPEC-01.11)", () => {
  test("have what their layers did", async () => {
    const sandbox = await create();
    expect(await output(sandbox, "pwd; cat file; echo $FROM_IMAGE")).toBe(
      "/made\nby a layer\nyes\n",
    );
  });

  test("are built once: the same layers are the same image", async () => {
    const again = modal.images
      .fromRegistry("debian:bookworm-slim")
      .dockerfileCommands(["ENV FROM_IMAGE=yes", "RUN mkdir /made && echo by a layer > /made/file"])
      .dockerfileCommands(["WORKDIR /made"]);
    expect((await again.build(app)).imageId).toBe(image.imageId);
  });

  test("have a layer's secrets and variables while it is built, and not afterwards", async () => {
    const value = randomSecret();
    const secret = await modal.secrets.fromObject({ BUILD_TOKEN: value });
    const digest = "printf %s \"$BUILD_TOKEN$BUILD_WORD\" | sha256sum | cut -d' ' -f1 > /digest";
    const built = await image
      .dockerfileCommands([`RUN ${digest}`], { secrets: [secret], env: { BUILD_WORD: "word" } })
      .build(app);
    const sandbox = await modal.sandboxes.create(app, built, { timeoutMs: 60_000 });
    created.push(sandbox);
    expect((await output(sandbox, "cat /digest")).trim()).toBe(sha256(`${value}word`));
    expect(await output(sandbox, "env | grep ^BUILD_")).toBe("");
  });

  test("that do not build say so, with the last lines of the failing command", async () => {
    const broken = image.dockerfileCommands(["RUN echo the reason >&2; exit 3"]);
    await expect(broken.build(app)).rejects.toThrow(/the reason/);
  });

  test("are found under the name they were published with", async () => {
    await image.publish(`${UNIQUE}:v1`);
    expect((await modal.images.fromName(`${UNIQUE}:v1`)).imageId).toBe(image.imageId);
    await expect(modal.images.fromName(`${UNIQUE}:v2`)).rejects.toThrow(NotFoundError);
    expect((await modal.images.fromId(image.imageId)).imageId).toBe(image.imageId);
  });
});

describe("sandboxes, by the unmodified SDK (SPEC-01.10, SPEC-01.12, SPEC-01.14)", () => {
  test("run a command with variables, secrets, a volume, a working directory", async () => {
    const volume = await modal.volumes.fromName(UNIQUE, { createIfMissing: true, version: 2 });
    const value = randomSecret();
    const secret = await modal.secrets.fromObject({ TOKEN: value });
    const script =
      'echo "$GREETING from $(pwd)"; printf %s "$TOKEN" | sha256sum; echo v > /data/file; cat';
    const sandbox = await create({
      command: ["sh", "-c", script],
      env: { GREETING: "hello" },
      secrets: [secret],
      volumes: { "/data": volume },
      workdir: "/usr/share",
    });
    await sandbox.stdin.writeText("typed in\n");
    await sandbox.stdin.close();
    expect(await sandbox.wait()).toBe(0);
    expect(await sandbox.stdout.readText()).toBe(
      `hello from /usr/share\n${sha256(value)}  -\ntyped in\n`,
    );
    const next = await create({ volumes: { "/data": volume } });
    expect(await output(next, "cat /data/file")).toBe("v\n");
    expect(
      await output(next, "mkdir -p /data/sub && echo w > /data/sub/f && cat /data/sub/f"),
    ).toBe("w\n");
    const reader = await create({
      volumes: { "/ro": volume.withMountOptions({ readOnly: true }) },
    });
    expect(await output(reader, "cat /ro/file; touch /ro/new 2>&1")).toMatch(/^v\n.*Read-only/);
  });

  test("are ready when their probe says so", async () => {
    const sandbox = await create({
      command: ["sh", "-c", "sleep 1; touch /tmp/ready; sleep 60"],
      readinessProbe: Probe.withExec(["test", "-f", "/tmp/ready"], { intervalMs: 50 }),
    });
    await expect(sandbox.waitUntilReady(100)).rejects.toThrow();
    await sandbox.waitUntilReady(20_000);
    expect(await output(sandbox, "echo /tmp/ready*")).toBe("/tmp/ready\n");
  });

  test("have a name that is theirs alone while they run", async () => {
    const name = `${UNIQUE}-named`;
    const sandbox = await create({ name });
    await expect(create({ name })).rejects.toThrow(AlreadyExistsError);
    expect((await modal.sandboxes.fromName("sdk", name)).sandboxId).toBe(sandbox.sandboxId);
    await sandbox.terminate({ wait: true });
    await expect(modal.sandboxes.fromName("sdk", name)).rejects.toThrow(NotFoundError);
    const next = await create({ name });
    expect(next.sandboxId).not.toBe(sandbox.sandboxId);
  });

  test("have tags, by which they are listed", async () => {
    const sandbox = await create({ tags: { owner: UNIQUE, kind: "first" } });
    await create({ tags: { owner: UNIQUE, kind: "second" } });
    expect(await sandbox.getTags()).toEqual({ owner: UNIQUE, kind: "first" });
    await sandbox.setTags({ owner: UNIQUE, changed: "yes" });
    expect(await sandbox.getTags()).toEqual({ owner: UNIQUE, changed: "yes" });
    expect(await list({ owner: UNIQUE })).toHaveLength(2);
    expect(await list({ changed: "yes" })).toEqual([sandbox.sandboxId]);
    expect(await list({ kind: "first" })).toEqual([]);
  });

  test("end: by themselves, by terminate with 137, by their timeout with 124", async () => {
    const itself = await create({ command: ["sh", "-c", "exit 5"] });
    expect(await itself.wait()).toBe(5);
    expect(await itself.poll()).toBe(5);
    const terminated = await create();
    expect(await terminated.poll()).toBeNull();
    expect(await terminated.terminate({ wait: true })).toBe(137);
    expect(await terminated.poll()).toBe(137);
    const startMs = performance.now();
    const timedOut = await create({ timeoutMs: 2_000 });
    expect(await timedOut.wait()).toBe(124);
    expect(performance.now() - startMs).toBeLessThan(7_000);
  });

  test("are found again by their identifier", async () => {
    const sandbox = await create();
    sandbox.detach();
    const again = await modal.sandboxes.fromId(sandbox.sandboxId);
    expect(await output(again, "echo still here")).toBe("still here\n");
    created.push(again);
    created.splice(created.indexOf(sandbox), 1);
  });

  async function list(tags: Record<string, string>): Promise<string[]> {
    const found: string[] = [];
    for await (const { sandboxId } of modal.sandboxes.list({ appId: app.appId, tags })) {
      found.push(sandboxId);
    }
    return found;
  }
});

describe("exec, by the unmodified SDK", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await modal.sandboxes.create(app, image, { env: { OF_SANDBOX: "yes" } });
  });
  afterAll(() => sandbox.terminate({ wait: true }));

  test("in text, with a working directory and variables", async () => {
    const process = await sandbox.exec(
      ["sh", "-c", 'echo "$(pwd) $OF_SANDBOX $GIVEN"; echo err >&2'],
      {
        workdir: "/usr",
        env: { GIVEN: "ünï" },
      },
    );
    expect(await process.stdout.readText()).toBe("/usr yes ünï\n");
    expect(await process.stderr.readText()).toBe("err\n");
    expect(await process.wait()).toBe(0);
  });

  test("in binary, both ways", async () => {
    const bytes = randomBytes(5 * MIB);
    const process = await sandbox.exec(["cat"], { mode: "binary" });
    const echoed = process.stdout.readBytes();
    await process.stdin.writeBytes(bytes);
    await process.stdin.close();
    expect(sha256(await echoed)).toBe(sha256(bytes));
    expect(await process.wait()).toBe(0);
  });

  test("takes text on its standard input", async () => {
    const process = await sandbox.exec(["sort"]);
    await process.stdin.writeText("b\n");
    await process.stdin.writeText("a\n");
    await process.stdin.close();
    expect(await process.stdout.readText()).toBe("a\nb\n");
  });

  test("ends with the command's status, or its timeout", async () => {
    expect(await (await sandbox.exec(["sh", "-c", "exit 42"])).wait()).toBe(42);
    expect(await (await sandbox.exec(["sh", "-c", "kill -9 $$"])).wait()).toBe(137);
    const startMs = performance.now();
    const late = await sandbox.exec(["sleep", "60"], { timeoutMs: 1_000 });
    expect(await late.wait()).not.toBe(0);
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });

  test("with ignored output gives none, and does not wait for a reader", async () => {
    const process = await sandbox.exec(["sh", "-c", "head -c 20000000 /dev/zero; echo err >&2"], {
      stdout: "ignore",
      stderr: "ignore",
    });
    expect(await process.wait()).toBe(0);
    expect(await process.stdout.readText()).toBe("");
    expect(await process.stderr.readText()).toBe("");
  });

  test("with a terminal of 24 rows and 80 columns", async () => {
    const process = await sandbox.exec(["sh", "-c", "stty size; echo $TERM"], { pty: true });
    expect(await process.stdout.readText()).toBe("24 80\r\nxterm-256color\r\n");
  });

  test("several at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => output(sandbox, `sleep 0.2; echo ${index}`)),
    );
    expect(answers).toEqual(Array.from({ length: 8 }, (_, index) => `${index}\n`));
  });
});

describe("what is not there is said in Modal's words", () => {
  test("a volume", async () => {
    const missing = modal.volumes.fromName("no-such");
    await expect(missing).rejects.toThrow(NotFoundError);
    await expect(missing).rejects.toThrow("Volume 'no-such' not found");
  });

  test("a secret, or a key of one", async () => {
    const missing = modal.secrets.fromName("no-such");
    await expect(missing).rejects.toThrow(NotFoundError);
    await expect(missing).rejects.toThrow("Secret 'no-such' not found");
    await home.succeed(["secret", "set", UNIQUE, "THERE"], { stdin: "x" });
    const incomplete = modal.secrets.fromName(UNIQUE, { requiredKeys: ["THERE", "NOT_THERE"] });
    await expect(incomplete).rejects.toThrow(/missing key\(s\): NOT_THERE/);
    await home.succeed(["secret", "rm", UNIQUE]);
  });

  test("an image", async () => {
    const missing = modal.images.fromId("im-123");
    await expect(missing).rejects.toThrow(NotFoundError);
    await expect(missing).rejects.toThrow("Could not find image with ID im-123");
  });

  test("a sandbox, an App", async () => {
    const missing = await modal.sandboxes.fromId("sb-00000000000000000000000000");
    await expect(missing.poll()).rejects.toThrow(/Sandbox 'sb-0{26}' not found/);
    await expect(modal.apps.fromName(`${UNIQUE}-none`)).rejects.toThrow(NotFoundError);
  });

  test("and what is asked for wrongly is refused before anything starts", async () => {
    await expect(create({ timeoutMs: 1_500 })).rejects.toThrow();
    await expect(modal.volumes.fromName(UNIQUE, { version: 1 })).rejects.toThrow(InvalidError);
  });
});
