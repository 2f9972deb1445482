import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type {
  HealthResult,
  MetricsResult,
} from "../../packages/parhelia/container/protocol/health.ts";
import { connect, runBatchTask } from "../../packages/parhelia/src/index.ts";
import { ROOT } from "../repository/tree.ts";
import { bundleMcpServer } from "../support/bundle-mcp-server.ts";
import { sandboxContainers } from "../support/engine-things.ts";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import { MCP_SERVER_PATH, stdio } from "../support/mcp-session.ts";
import { connectSdk } from "../support/sdk.ts";
import { Session, useOwnHome, publishImage } from "../support/shared-home.ts";

const CONFIG = "/vol/parhelia/config/claude/mcp_config.json";
const LIMIT_S = 3;

/** A server that never answers keeps health busy for as long as its deadline allows. */
const HANGING = { command: "sleep", args: ["4321"], timeoutMs: 60_000 };

/** No Function can be named after this volume. */
const WITHOUT_FUNCTION = "no.function";

const secret = randomSecret();
const home = useOwnHome(); // others would call the Function that is deployed here
const writer = new Session(home, "batch");

beforeAll(async () => {
  await publishImage(home);
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: secret,
  });
  await writer.up();
  await writer.asRoot(["sh", "-c", `cat > ${MCP_SERVER_PATH}`], { stdin: await bundleMcpServer() });
  await writeServers({ good: stdio("one") });
});
afterAll(() => writer.stop());

type Ran = { readonly ranBy: "function" | "sandbox" };

async function writeServers(mcpServers: object): Promise<void> {
  const text = JSON.stringify({ mcpServers });
  await writer.asRoot(["sh", "-c", `cat > ${CONFIG}`], { stdin: text });
  await writer.commit(); // the task runs in another sandbox
}

/** The result of `batch TASK --json`, whatever its status, with the standard error. */
async function batch(task: string) {
  const run = await home.run(["batch", task, "--json"]);
  return { ...run, result: JSON.parse(run.stdout) as unknown };
}

/** Every request that the home's emulator was asked. */
const requests = () => readFileSync(join(home.stateDirectory, "requests.log"), "utf8");

/** Names and kinds of a value's parts, without what they hold. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shapeOf(each)]));
}

/** The commands that go to the emulator, one after another, while no Function or one is there. */
const results: Record<string, { health: HealthResult & Ran; metrics: MetricsResult & Ran }> = {};

async function runBoth() {
  const health = await batch("health");
  expect(health.exitStatus, health.stdout + health.stderr).toBe(0);
  const metrics = await batch("metrics");
  expect(metrics.exitStatus, metrics.stderr).toBe(0);
  for (const text of [health.stdout, health.stderr, metrics.stdout]) {
    expect(text.includes(secret)).toBe(false);
  }
  return {
    health: health.result as HealthResult & Ran,
    metrics: metrics.result as MetricsResult & Ran,
  };
}

describe("D10: batch tasks", () => {
  test("run in a sandbox of their own while no Function is deployed", async () => {
    const { health, metrics } = (results["sandbox"] = await runBoth());
    expect(health).toMatchObject({ ok: true, problems: [], ranBy: "sandbox" });
    expect(health.mounts).toMatchObject([{ path: "/vol/parhelia", mounted: true, writable: true }]);
    const { claudeCode, bun } = JSON.parse(
      readFileSync(join(ROOT, "parhelia.lock"), "utf8"),
    ) as Record<"claudeCode" | "bun", { version: string }>;
    expect(health.versions).toMatchObject({ claude: claudeCode.version, bun: bun.version });
    expect(health.variables).toEqual([{ name: "ANTHROPIC_API_KEY", present: true }]);
    expect(health.mcp?.servers).toMatchObject([{ name: "good", state: "ready", tools: ["one"] }]);
    expect(metrics).toMatchObject({ ok: true, ranBy: "sandbox" });
    expect(metrics.bytes.config).toBeGreaterThan(0);
  });

  test("run as the Function once it is deployed: the same shape, and it is used", async () => {
    const name = await home.succeed(["deploy"]);
    expect(name).toBe("run_batch_task\n");
    const { health, metrics } = (results["function"] = await runBoth());
    expect(health).toMatchObject({ ok: true, ranBy: "function" });
    expect(metrics.ranBy).toBe("function");
    expect(shapeOf(results["function"])).toEqual(shapeOf(results["sandbox"]));
    expect(requests()).toContain("/modal.client.ModalClient/FunctionMap");
    const sandboxes = (await home.json(["ls"])) as { name: string }[];
    expect(sandboxes.map((sandbox) => sandbox.name)).toEqual([writer.name]);
  });

  test("say what is wrong, with status 1: an MCP server that fails, a secret that is not there", async () => {
    await writeServers({ good: stdio("one"), broken: { command: "no-such-program" } });
    // The Function keeps the secrets of its deployment.
    await home.succeed(["secret", "set", "github-token", "GITHUB_TOKEN"], { stdin: secret });
    const run = await home.run(["batch", "health"]);
    expect(run.exitStatus).toBe(1);
    expect(run.stdout).toContain("problem: GITHUB_TOKEN is not set");
    expect(run.stdout).toMatch(
      /problem: MCP server broken: .*no-such-program is not in the sandbox/,
    );
    const build = await home.run(["image", "build"]);
    expect(build.stderr).toContain("keeps its image until you run: parhelia deploy");
    await home.succeed(["deploy"]);
    const again = await home.run(["batch", "health"]);
    expect(again.stdout).not.toContain("GITHUB_TOKEN is not set");
    await writeServers({ good: stdio("one") });
  });

  test("a plugin-sync by the Function has sessions look at the volume again", async () => {
    const { exitStatus, result } = await batch("plugin-sync");
    expect(exitStatus).toBe(0);
    const sessions = [{ name: writer.name }];
    expect(result).toMatchObject({ ok: true, ranBy: "function", plugins: [], sessions });
  });

  test("a Function on one volume is not asked about another", async () => {
    const other = join(home.directory, "other.toml");
    writeFileSync(other, `[image]\npip = []\n[volume]\nname = "other"\n`);
    const result = await home.json(["--config", other, "batch", "metrics"]);
    expect(result).toMatchObject({ ranBy: "sandbox", bytes: { config: 0, checkpoints: 0 } });
    expect(await home.succeed(["--config", other, "deploy"])).toBe("run_batch_task-other\n");
    expect(await home.json(["--config", other, "batch", "metrics"])).toMatchObject({
      ranBy: "function",
      bytes: { config: 0, checkpoints: 0 },
    });
  });

  test("one that is interrupted is ended where it runs: the Function's call, and the sandbox", async () => {
    const other = join(home.directory, "interrupted.toml");
    writeFileSync(other, `[image]\npip = []\n[volume]\nname = "${WITHOUT_FUNCTION}"\n`);
    await writeServers({ hanging: HANGING });
    await fillVolume({ hanging: HANGING });
    const before = new Set((await sandboxContainers(home)).keys());
    const others = async () => {
      const all = [...(await sandboxContainers(home))].filter(([id]) => !before.has(id));
      return all.filter(([, { State }]) => State === "running");
    };
    for (const flags of [[], ["--config", other]]) {
      const running = home.start([...flags, "batch", "health"]);
      const isRunning = async () => ((await others()).length > 0 ? true : undefined);
      await eventually("the task's container", 30_000, isRunning);
      running.signal("SIGINT");
      const { exitStatus, stdout, stderr } = await running.result;
      expect([exitStatus, stdout]).toEqual([130, ""]);
      expect(stderr).toContain("interrupted");
      // Of itself it would take a minute.
      const hasEnded = async () => ((await others()).length === 0 ? true : undefined);
      await eventually("the end of the task's container", 20_000, hasEnded);
    }
    expect(requests()).toContain("/modal.client.ModalClient/FunctionCallCancel");
    await writeServers({ good: stdio("one") });
  });

  test("one that takes too long ends with status 1 and says so", async () => {
    await writeServers({ hanging: HANGING });
    await shortenFunction();
    const { exitStatus, stdout, stderr, durationMs } = await home.run(["batch", "health"]);
    expect(exitStatus).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(
      `the batch task health took too long and was ended: it reached its timeout of ${LIMIT_S} s`,
    );
    expect(stderr).toContain("hint: ");
    expect(durationMs).toBeLessThan(30_000);

    Object.assign(process.env, { XDG_STATE_HOME: home.env["XDG_STATE_HOME"] });
    const connection = await connect({ target: "local" });
    try {
      const app = await connection.client.apps.fromName("parhelia");
      const image = await connection.client.images.fromName("parhelia-cpu");
      const limits = { secrets: [], timeoutMs: LIMIT_S * 1000 };
      const place = { app, image, volumeName: WITHOUT_FUNCTION, ...limits };
      await expect(runBatchTask(connection, place, { task: "health" })).rejects.toThrow(
        `the batch task health took too long and was ended: it reached its timeout of ${LIMIT_S} s`,
      );
    } finally {
      connection.close();
    }
    await writeServers({ good: stdio("one") });
  });

  /** The volume that has no Function gets a configuration of MCP servers. */
  async function fillVolume(mcpServers: object): Promise<void> {
    const client = await connectSdk(home);
    try {
      const app = await client.apps.fromName("parhelia");
      const image = await client.images.fromName("parhelia-cpu");
      const write = `mkdir -p $(dirname ${CONFIG}) /vol/parhelia/workspaces && echo "$SERVERS" > ${CONFIG}`;
      const options = { createIfMissing: true, version: 2 } as const;
      const volume = await client.volumes.fromName(WITHOUT_FUNCTION, options);
      const sandbox = await client.sandboxes.create(app, image, {
        command: ["sh", "-c", write],
        env: { SERVERS: JSON.stringify({ mcpServers }) },
        volumes: { "/vol/parhelia": volume },
      });
      expect(await sandbox.wait()).toBe(0);
    } finally {
      client.close();
    }
  }

  test("on Modal, deploy hands what is configured to Modal's own client", async () => {
    const served = (await home.json(["local", "serve"])) as Record<string, string>;
    const programs = mkdtempSync(join(home.directory, "programs-"));
    const modal = { MODAL_CONFIG_PATH: join(programs, "none.toml"), MODAL_LOGLEVEL: "error" };
    const env = { ...served, ...modal };
    const deploy = ["--target", "modal", "deploy"];
    const without = await home.run(deploy, { env });
    expect(without.exitStatus).toBe(2);
    expect(without.stderr).toContain("hint: pip install 'modal>=1.2'");

    const script = `#!/bin/sh\nprintf '%s\n' "$*" "$PARHELIA_DEPLOYMENT" > "$0.got"\n`;
    writeFileSync(join(programs, "modal"), script, { mode: 0o755 });
    const path = { PATH: `${programs}:${process.env["PATH"] ?? ""}` };
    const { exitStatus, stdout, stderr } = await home.run(deploy, { env: { ...env, ...path } });
    expect(exitStatus, stderr).toBe(0);
    expect(stdout).toBe("run_batch_task\n");
    const [args, deployment] = readFileSync(join(programs, "modal.got"), "utf8").split("\n");
    expect(args).toBe(`deploy ${join(ROOT, "packages/parhelia/modal_app.py")}`);
    expect(JSON.parse(deployment ?? "")).toMatchObject({
      app: "parhelia",
      function: "run_batch_task",
      image_id: expect.stringMatching(/^im-/) as string,
      volume: "parhelia-vol",
      secrets: ["anthropic-api-key", "github-token"],
      regions: [],
    });
  });

  /** Registers the Function anew, with a time limit that a test can wait for. */
  async function shortenFunction(): Promise<void> {
    const client = await connectSdk(home);
    try {
      const app = await client.apps.fromName("parhelia");
      const image = await client.images.fromName("parhelia-cpu");
      const volume = await client.volumes.fromName("parhelia-vol");
      await client.cpClient.functionCreate({
        appId: app.appId,
        function: {
          functionName: "run_batch_task",
          imageId: image.imageId,
          timeoutSecs: LIMIT_S,
          volumeMounts: [{ volumeId: volume.volumeId, mountPath: "/vol/parhelia" }],
          experimentalOptions: {
            "modal-emulator.command": JSON.stringify(["parhelia-container", "batch"]),
          },
        },
      });
    } finally {
      client.close();
    }
  }
});
