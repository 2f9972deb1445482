import { Encoder } from "cbor-x";
import type { App, FunctionCall, Image, ModalClient, Volume } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestEmulator, until } from "../../test/test-emulator.ts";

type Modal = Awaited<ReturnType<TestEmulator["modal"]>>;

/** Gives back what it was given, and says what it has. */
const ECHO = `read -r line; echo "not the result"; printf '{"given":%s,"secret":"%s"}\\n' "$line" "$WORD"`;

/** `OBJECT_CREATION_TYPE_CREATE_IF_MISSING`, which the SDK does not export. */
const CREATE_IF_MISSING = 1 as never;

const encoder = new Encoder({ useRecords: false });
let emulator: TestEmulator;
let client: ModalClient;
let modal: Modal;
let app: App;
let image: Image;
let volume: Volume;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  client = await emulator.client();
  modal = await emulator.modal();
  ({ app, image } = await emulator.appAndImage(client));
  volume = await client.volumes.fromName("kept", { createIfMissing: true, version: 2 });
});

afterAll(async () => {
  await until(async () => (await emulator.containers()).length === 0, 20_000);
  await emulator.cleanUp();
});

interface Deployment {
  readonly timeoutSecs?: number;
  readonly secretIds?: string[];
  readonly imageId?: string;
  readonly options?: Record<string, string>;
}

/** Registers a Function whose calls run a shell's script. */
function deploy(functionName: string, script: string, more: Deployment = {}) {
  const command = JSON.stringify(["sh", "-c", script]);
  return client.cpClient.functionCreate({
    appId: app.appId,
    function: {
      functionName,
      imageId: more.imageId ?? image.imageId,
      secretIds: more.secretIds ?? [],
      timeoutSecs: more.timeoutSecs ?? 60,
      volumeMounts: [{ volumeId: volume.volumeId, mountPath: "/kept" }],
      experimentalOptions: more.options ?? { "modal-emulator.command": command },
    },
  });
}

const cborOf = (value: unknown) => encoder.encode(value);
const find = (name: string) => client.functions.fromName("test-app", name);

/** What a call ends with, given the thing that is to be rejected. */
async function failureOf(call: Promise<unknown>): Promise<Error> {
  return call.then(
    (value) => new Error(`no failure but ${JSON.stringify(value)}`),
    (error: unknown) => error as Error,
  );
}

describe("the SDK calls a Function", () => {
  test("which gets its argument, its secrets and volumes, and returns a value", async () => {
    const { secretId } = await client.cpClient.secretGetOrCreate({
      deploymentName: "word",
      envDict: { WORD: "quince" },
      objectCreationType: CREATE_IF_MISSING,
    });
    await deploy("echo", `touch /kept/seen; ${ECHO}`, { secretIds: [secretId] });
    const echo = await find("echo");
    const argument = { text: "größe", list: [1, 2.5, null, true], nested: { empty: {} } };
    expect(await echo.remote([argument])).toEqual({ given: argument, secret: "quince" });
    const sandbox = await client.sandboxes.create(app, image, {
      volumes: { "/kept": volume },
      command: ["ls", "/kept"],
    });
    expect(await sandbox.stdout.readText()).toBe("seen\n");
  });

  test("many times at once, and one that was spawned is asked later", async () => {
    await deploy("echo", ECHO);
    const echo = await find("echo");
    const numbers = [1, 2, 3];
    const results = await Promise.all(numbers.map((number) => echo.remote([{ number }])));
    expect(results).toEqual(numbers.map((number) => ({ given: { number }, secret: "" })));
    const { functionCallId } = await echo.spawn([{ number: 4 }]);
    const later = await client.functionCalls.fromId(functionCallId);
    expect(await later.get()).toMatchObject({ given: { number: 4 } });
    expect(await later.get()).toMatchObject({ given: { number: 4 } });
  });

  test("and its containers are no sandboxes of the App's, and do not stay", async () => {
    await deploy("slow", "read -r line; sleep 2; echo 1");
    const call = await (await find("slow")).spawn([{}]);
    const listed = [];
    for await (const sandbox of client.sandboxes.list({ appId: app.appId })) listed.push(sandbox);
    expect(listed).toEqual([]);
    await expect(call.get({ timeoutMs: 100 })).rejects.toThrow("Timeout exceeded: 100ms");
    expect(await call.get()).toBe(1);
    await until(async () => (await emulator.containers()).length === 0);
  });

  test("that fails: a result is one whatever the status, and without one there is a reason", async () => {
    await deploy("fails", `echo '{"ok":false}'; exit 1`);
    expect(await (await find("fails")).remote([{}])).toEqual({ ok: false });
    await deploy("fails", "echo nonsense; echo 'no disk' >&2; exit 3");
    const failure = await failureOf((await find("fails")).remote([{}]));
    expect(failure).toBeInstanceOf(modal.RemoteError);
    expect(failure.message).toContain("its command ended with 3 and no result: no disk");
  });

  test("that takes too long, which is ended", async () => {
    await deploy("endless", "sleep 100; echo 1", { timeoutSecs: 1 });
    const failure = await failureOf((await find("endless")).remote([{}]));
    expect(failure).toBeInstanceOf(modal.FunctionTimeoutError);
    expect(failure.message).toContain("timeout of 1 s");
  });

  test("that is cancelled", async () => {
    await deploy("endless", "sleep 100; echo 1");
    const call: FunctionCall = await (await find("endless")).spawn([{}]);
    await call.cancel();
    await expect(call.get()).rejects.toThrow("it was terminated");
  });

  test("again, as the SDK does where a container was lost", async () => {
    await deploy("tries", "echo try >> /kept/tries; wc -l < /kept/tries");
    const { functionId } = await find("tries");
    const { cpClient } = client;
    const input = { args: cborOf([[{}], {}]), dataFormat: 4 as const };
    const item = { idx: 0, input };
    const call = await cpClient.functionMap({ functionId, pipelinedInputs: [item] });
    const { functionCallId, functionCallJwt, pipelinedInputs } = call;
    const outputs = { functionCallId, maxValues: 1, timeout: 20, lastEntryId: "0-0" };
    const first = await cpClient.functionGetOutputs(outputs);
    expect(first).toMatchObject({ lastEntryId: "1-0", numUnfinishedInputs: 0 });
    const inputJwt = pipelinedInputs[0]?.inputJwt ?? "";
    const inputs = [{ inputJwt, input, retryCount: 0 }];
    const retried = await cpClient.functionRetryInputs({ functionCallJwt, inputs });
    expect(retried.inputJwts).toEqual([inputJwt]);
    const second = await cpClient.functionGetOutputs(outputs);
    expect(second.outputs.map(({ result }) => result?.data)).toEqual([cborOf(2)]);
    const more = { functionId, functionCallId, inputs: [{ idx: 1, input }] };
    await cpClient.functionPutInputs(more);
    const third = await cpClient.functionGetOutputs({ ...outputs, lastEntryId: "1-0" });
    expect(third).toMatchObject({ idxs: [1], lastEntryId: "2-0" });
  });

  test("whose answer outlives the emulator's process", async () => {
    await deploy("echo", `read -r line; sleep 1; echo "$line"`);
    const { functionCallId } = await (await find("echo")).spawn([{ kept: true }]);
    await emulator.kill();
    await emulator.startProcess();
    const call = await (await emulator.client()).functionCalls.fromId(functionCallId);
    expect(await call.get()).toEqual({ kept: true });
    const echo = await (await emulator.client()).functions.fromName("test-app", "echo");
    expect(await echo.remote([1])).toBe(1);
  });
});

describe("what is refused", () => {
  test("a Function that is not deployed", async () => {
    await expect(find("nowhere")).rejects.toThrow(modal.NotFoundError);
    await expect(client.functions.fromName("no-app", "echo")).rejects.toThrow(modal.NotFoundError);
  });

  test("a Function whose image was deleted", async () => {
    const commands = ["RUN touch /of-another-image"];
    const other = await client.images
      .fromRegistry("debian:bookworm-slim")
      .dockerfileCommands(commands)
      .build(app);
    await deploy("orphan", ECHO, { imageId: other.imageId });
    await client.images.delete(other.imageId);
    await expect(find("orphan")).rejects.toThrow(modal.NotFoundError);
  });

  test("a Function in Python, an image that is not there, a command that is none", async () => {
    await expect(deploy("python", "", { options: {} })).rejects.toThrow("does not run Python");
    await expect(deploy("none", "", { imageId: "im-none" })).rejects.toThrow("no image 'im-none'");
    const options = { "modal-emulator.command": '"sh"' };
    await expect(deploy("none", "", { options })).rejects.toThrow("a list of strings");
  });

  test("more than one argument", async () => {
    await deploy("echo", ECHO);
    const echo = await find("echo");
    await expect(echo.remote([1, 2])).rejects.toThrow("takes one argument");
    await expect(echo.remote([1], { more: 2 })).rejects.toThrow("1 by name");
  });
});
