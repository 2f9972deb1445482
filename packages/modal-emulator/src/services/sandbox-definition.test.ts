import type { App, Image, ModalClient } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestEmulator } from "../../test/test-emulator.ts";

let emulator: TestEmulator;
let client: ModalClient;
let app: App;
let image: Image;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  client = await emulator.client();
  ({ app, image } = await emulator.appAndImage(client));
});

afterAll(() => emulator.cleanUp());

type Params = Parameters<ModalClient["sandboxes"]["create"]>[2];
const create = (params: Params = {}) => client.sandboxes.create(app, image, params);

describe("what a sandbox is refused", () => {
  const refused: [string, Params, RegExp][] = [
    ["a list of reachable networks", { outboundCidrAllowlist: ["10.0.0.0/8"] }, /network_access/],
    ["a list of reachable domains", { outboundDomainAllowlist: ["x.org"] }, /network_access/],
    ["no network that is one", { outboundCidrAllowlist: ["nonsense"] }, /Invalid CIDR: nonsense/],
    ["a list of callers", { inboundCidrAllowlist: ["10.0.0.0/8"] }, /inbound_cidr_allowlist/],
    ["ports", { encryptedPorts: [80] }, /open_ports/],
    ["an idle timeout", { idleTimeoutMs: 1_000 }, /idle_timeout_secs/],
    ["snapshots", { experimentalEnableSnapshot: true }, /enable_snapshot/],
    ["an isolation", { runtime: "vm" }, /runtime/],
    [
      "experimental options",
      { experimentalOptions: { enable_exit_snapshot: true } },
      /experimental_options/,
    ],
    ["a region that there is not", { regions: ["us-nowhere"] }, /INVALID_ARGUMENT.*us-nowhere/],
    ["a cloud that there is not", { cloud: "nebula" }, /INVALID_ARGUMENT.*nebula/],
    ["more than a day", { timeoutMs: 25 * 60 * 60 * 1000 }, /INVALID_ARGUMENT.*86400/],
  ];

  test.each(refused)("%s", async (_, params, message) => {
    await expect(create(params)).rejects.toThrow(message);
  });

  test("a volume where Modal mounts none, or twice", async () => {
    const volume = await client.volumes.fromName("kept", { createIfMissing: true });
    for (const path of ["/", "/root", "/tmp", "/tmp/"]) {
      await expect(create({ volumes: { [path]: volume } })).rejects.toThrow(/cannot be mounted at/);
    }
    await expect(create({ volumes: { "/a": volume, "/b": volume } })).rejects.toThrow(/twice/);
    await expect(
      create({ volumes: { "/a": volume.withMountOptions({ subPath: "sub" }) } }),
    ).rejects.toThrow(/sub_path 'sub'/);
  });

  test("an image, secret, volume or App that is not there, by Modal's words", async () => {
    const createWith = (definition: object, appId = app.appId) =>
      emulator.controlPlane().sandboxCreateV2({
        appId,
        definition: { imageId: image.imageId, ...definition },
      });
    await expect(createWith({ imageId: "im-none" })).rejects.toThrow(
      /NOT_FOUND.*Could not find image with ID 'im-none'/,
    );
    await expect(createWith({ secretIds: ["st-none"] })).rejects.toThrow(
      /NOT_FOUND.*Secret 'st-none' not found/,
    );
    const volumeMounts = [{ volumeId: "vo-none", mountPath: "/vol" }];
    await expect(createWith({ volumeMounts })).rejects.toThrow(
      /NOT_FOUND.*Volume 'vo-none' not found/,
    );
    await expect(createWith({}, "ap-none")).rejects.toThrow(/NOT_FOUND/);
    const env = { $case: "env" as const, value: { contents: { "A=B": "secret" } } };
    const answer = emulator.controlPlane().sandboxCreateV2({
      ...{ appId: app.appId, definition: { imageId: image.imageId } },
      secretSources: [{ source: env }],
    });
    await expect(answer).rejects.toThrow(/INVALID_ARGUMENT.*'A'/);
    await expect(answer).rejects.not.toThrow(/secret/);
  });
});
