import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ServerError, Status } from "nice-grpc";
import { afterAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { ParheliaHome } from "../support/parhelia.ts";
import { RecordingModal } from "../support/recording-modal.ts";

// A home without an emulator: nothing here runs anything.
const home = new ParheliaHome();
afterAll(() => home.cleanUp());

let modal: RecordingModal;
beforeEach(async () => {
  modal = await RecordingModal.start();
});
afterEach(() => modal.stop());

/** The real command line, the real SDK, and what it sent. */
async function up(configuration: string, ...flags: string[]): Promise<Definition> {
  writeFileSync(join(home.project, "parhelia.toml"), configuration);
  const args = ["--target", "modal", "up", "work", ...flags];
  const { exitStatus, stderr } = await home.run(args, { env: modal.env });
  expect(exitStatus, stderr).toBe(0);
  expect(stderr).toMatch(/^target modal/);
  const method = modal.count("sandboxCreate") > 0 ? "sandboxCreate" : "sandboxCreateV2";
  return modal.only(method)["definition"] as Definition;
}

interface Definition {
  readonly environmentVariables?: unknown;
  readonly secretIds: readonly string[];
  readonly networkAccess: object;
  readonly experimentalOutboundPolicy?: object;
}

describe("what reaches Modal: the gpu variant", () => {
  test("SPEC-01.10, .11b, .12, .14: gpu, region, cpu, memory, secrets, volume, probe and tags", async () => {
    const definition = await up('[modal]\nregion = ["us-east", "eu-west"]\n', "--gpu", "a10g");
    // The V1 backend, which is the one with GPUs.
    expect(modal.count("sandboxCreateV2")).toBe(0);
    expect(modal.only("imageGetByTag")["tag"]).toBe("parhelia-gpu:latest");
    expect(modal.only("volumeGetOrCreate")).toMatchObject({
      deploymentName: "parhelia-vol",
      version: 2,
      objectCreationType: 1,
    });
    expect(definition).toMatchObject({
      entrypointArgs: ["/entrypoint.sh"],
      imageId: "im-parhelia-gpu:latest",
      name: "work",
      timeoutSecs: 24 * 3_600,
      resources: {
        milliCpu: 4_000,
        memoryMb: 16_384,
        gpuConfig: { gpuType: "A10G", count: 1 },
      },
      schedulerPlacement: { regions: ["us-east", "eu-west"] },
      volumeMounts: [
        { volumeId: "volume-parhelia-vol", mountPath: "/vol/parhelia", readOnly: false },
      ],
      readinessProbe: {
        probe: { $case: "execCommand", value: { argv: ["test", "-f", "/tmp/ready"] } },
      },
      networkAccess: { networkAccessType: 1 },
    });
    const { message } = modal.requests.find(
      ({ method, message: { objectCreationType } }) =>
        method === "secretGetOrCreate" && objectCreationType === 5,
    ) ?? { message: undefined };
    expect(message?.["envDict"]).toMatchObject({
      PARHELIA_SESSION: "work",
      PARHELIA_VARIANT: "parhelia-gpu",
    });
    expect(definition.secretIds).toEqual(
      expect.arrayContaining(["secret-anthropic-api-key", "secret-github-token"]),
    );
    const tags = modal.only("sandboxCreate")["tags"] as { tagName: string; tagValue: string }[];
    expect(Object.fromEntries(tags.map(({ tagName, tagValue }) => [tagName, tagValue]))).toEqual({
      "parhelia-session": "work",
      "parhelia-variant": "parhelia-gpu",
      "parhelia-image": expect.any(String) as string,
      "parhelia-owner": expect.stringMatching(/.@./) as string,
      "parhelia-expires-at": expect.stringMatching(/^\d{4}-.*Z$/) as string,
    });
  });

  test("SPEC-01.10: a type with a count; one that Parhelia does not know, with a warning", async () => {
    expect(await up("", "--gpu", "A100-80GB:2")).toMatchObject({
      resources: { gpuConfig: { gpuType: "A100-80GB", count: 2 } },
    });
    modal.requests.length = 0;
    const { exitStatus, stderr } = await home.run(["--target", "modal", "up", "--gpu", "B400"], {
      env: modal.env,
    });
    expect(exitStatus, stderr).toBe(0);
    expect(stderr).toMatch(/warning: Parhelia does not know the GPU type B400/);
    expect(modal.only("sandboxCreate")["definition"]).toMatchObject({
      resources: { gpuConfig: { gpuType: "B400", count: 1 } },
    });
  });

  test("SPEC-01.10: a type that is mistyped asks Modal for nothing", async () => {
    const { exitStatus, stderr } = await home.run(["--target", "modal", "up", "--gpu", "A1OG"], {
      env: modal.env,
    });
    expect(exitStatus).toBe(2);
    expect(stderr).toMatch(/did you mean A10G\?/);
    expect(stderr).toMatch(/hint: GPU types are T4, L4, /);
    expect(modal.requests).toEqual([]);
  });
});

describe("what reaches Modal: region, egress and keys of the cpu variant", () => {
  test("SPEC-01.11b: no region unless one is asked for, since that is the cheapest", async () => {
    const definition = await up("");
    expect(modal.count("sandboxCreate")).toBe(0);
    expect(definition).toMatchObject({ schedulerPlacement: undefined });
    expect(definition).toMatchObject({ networkAccess: { networkAccessType: 1 } });
    expect(definition.experimentalOutboundPolicy).toBeUndefined();
    modal.requests.length = 0;
    expect(await up("", "--region", "jp")).toMatchObject({
      schedulerPlacement: { regions: ["jp"] },
    });
  });

  test("SPEC-01.11b: an unknown region is refused with the list, and Modal asked for nothing", async () => {
    const args = ["--target", "modal", "up", "--region", "us-eats"];
    const { exitStatus, stderr } = await home.run(args, { env: modal.env });
    expect(exitStatus).toBe(2);
    expect(stderr).toMatch(/--region: modal\.region must be one of us-east, .* mx \(did you mean/);
    expect(modal.requests).toEqual([]);
  });

  test("[network] is an allow-list, or no network at all", async () => {
    const lists =
      'allow_domains = ["api.anthropic.com", "*.github.com"]\nallow_cidrs = ["10.0.0.0/8"]';
    expect((await up(`[network]\n${lists}\n`)).networkAccess).toEqual({
      networkAccessType: 3,
      allowedDomains: ["api.anthropic.com", "*.github.com"],
      allowedCidrs: ["10.0.0.0/8"],
    });
    modal.requests.length = 0;
    expect((await up("[network]\nblock = true\n")).networkAccess).toMatchObject({
      networkAccessType: 2,
    });
  });

  test('SPEC-01.14: inject = "proxy" gives the key to Modal\'s proxy and not to the sandbox', async () => {
    const definition = await up('[secrets]\ninject = "proxy"\n');
    expect(definition.experimentalOutboundPolicy).toEqual({
      headerReplacements: [
        {
          domain: "api.anthropic.com",
          secretId: "secret-anthropic-api-key",
          headers: { "x-api-key": "$ANTHROPIC_API_KEY" },
        },
      ],
    });
    const { secretSources } = modal.only("sandboxCreateV2") as {
      secretSources: { source: { $case: string; value: unknown } }[];
    };
    const ids = secretSources.filter(({ source }) => source.$case === "secretId");
    expect(ids.map(({ source }) => source.value)).toEqual(["secret-github-token"]);
    expect(definition.secretIds).not.toContain("secret-anthropic-api-key");
    const variables = secretSources.find(({ source }) => source.$case === "env")?.source.value;
    expect(variables).toMatchObject({
      contents: { ANTHROPIC_API_KEY: "put-into-requests-by-modal" },
    });
  });

  test("and what Modal cannot do at once is refused with the reason", async () => {
    const toml = '[secrets]\ninject = "proxy"\n[network]\nallow_domains = ["api.anthropic.com"]\n';
    writeFileSync(join(home.project, "parhelia.toml"), toml);
    const { exitStatus, stderr } = await home.run(["--target", "modal", "up"], { env: modal.env });
    expect(exitStatus).toBe(2);
    expect(stderr).toMatch(
      /parhelia\.toml:2: secrets\.inject does not go together with \[network\]/,
    );
    expect(modal.requests).toEqual([]);
  });
});

describe("what reaches Modal: how many sessions run already", () => {
  const start = () => {
    writeFileSync(join(home.project, "parhelia.toml"), "");
    const env = { ...modal.env, PARHELIA_MAX_SANDBOXES: "1" };
    return home.run(["--target", "modal", "up", "work"], { env });
  };
  const running = {
    id: "sb-1",
    name: "before",
    createdAt: Date.now() / 1_000 - 60,
    timeoutSecs: 3_600,
    tags: [{ tagName: "parhelia-session", tagValue: "before" }],
  };

  test("is asked once, for this owner's, and another App's do not count", async () => {
    modal.answers["sandboxListV2"] = () => ({
      sandboxes: [
        { ...running, appId: "app-another" },
        { ...running, appId: "app-parhelia", tags: [{ tagName: "parhelia-task", tagValue: "t" }] },
      ],
    });
    const { exitStatus, stderr } = await start();
    expect(exitStatus, stderr).toBe(0);
    expect(modal.only("sandboxListV2")).toMatchObject({
      appId: "",
      includeFinished: false,
      tags: [{ tagName: "parhelia-owner", tagValue: expect.stringMatching(/.@./) as string }],
    });
  });

  test("is asked of the App where Modal wants to know which, and nothing is created above the limit", async () => {
    modal.answers["sandboxListV2"] = ({ appId }) => {
      if (appId === "") throw new ServerError(Status.INVALID_ARGUMENT, "which App?");
      return { sandboxes: [{ ...running, appId }] };
    };
    const { exitStatus, stderr } = await start();
    expect(exitStatus).toBe(2);
    expect(stderr).toMatch(/1 of your sessions run.*: before \(for 1 min \d+ s\)/);
    expect(modal.count("sandboxListV2")).toBe(2);
    expect(modal.count("sandboxCreateV2")).toBe(0);
  });
});

test("ls on Modal estimates costs by the configured rates, and says of when they are", async () => {
  const sandbox = {
    id: "sb-1",
    name: "before",
    createdAt: Date.now() / 1_000 - 1_800,
    timeoutSecs: 3_600,
    tags: [],
    resourceInfo: { milliCpu: { value: 2_000 }, memoryMb: { value: 0 } },
  };
  modal.answers["sandboxListV2"] = ({ beforeTimestamp }) => ({
    sandboxes: beforeTimestamp === 0 ? [sandbox] : [],
  });
  const rates = '[cost]\nas_of = "2026-02-03"\ncpu_core_hour = 4\n';
  writeFileSync(join(home.project, "parhelia.toml"), rates);
  const { stdout, stderr } = await home.run(["--target", "modal", "ls"], { env: modal.env });
  expect(stdout).toMatch(/^before +starting +unknown +30 min \d+ s +- +29 min \d+ s +~\$4\.0\d /m);
  expect(stderr).toMatch(/costs are estimates, by rates as of 2026-02-03; .*modal\.com\/pricing/);
});
