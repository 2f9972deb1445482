import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UserError } from "../errors.ts";
import { HOUR_MS, MINUTE_MS } from "../units.ts";
import { REGIONS } from "./regions.ts";
import { loadConfig } from "./load.ts";
import type { LoadOptions, LoadedConfig } from "./load.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "parhelia-config-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function write(text: string | Uint8Array, name = "parhelia.toml"): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function load(options: Partial<LoadOptions> = {}): LoadedConfig {
  return loadConfig({ cwd: directory, env: {}, ...options });
}

function failure(options: Partial<LoadOptions> = {}): UserError {
  try {
    load(options);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("the configuration was accepted");
}

function sourceOf(loaded: LoadedConfig, key: string): unknown {
  return loaded.values.find((value) => value.key === key)?.source;
}

test("SPEC-01.15: a filesystem snapshot may be asked for; one of memory is refused, and why is said", () => {
  const set = (value: string) => write(`[modal]\nsnapshot = "${value}"\n`);
  set("filesystem");
  expect(load().config.modal.snapshot).toBe(true);
  set("memory");
  expect(failure().message).toMatch(/secrets for 7 days.*filesystem/s);
  set("disk");
  expect(failure().message).toMatch(/must be "off" or "filesystem"/);
});

describe("without a file", () => {
  test("SPEC-01.10 the defaults are those of the cpu variant, on this machine", () => {
    const { config, file, warnings } = load();
    expect(config).toEqual({
      target: "local",
      modal: { app: "parhelia", environment: undefined, regions: [], snapshot: false },
      sandbox: {
        cpu: 4,
        memoryMiB: 16_384,
        cpuLimit: undefined,
        memoryLimitMiB: undefined,
        timeoutMs: 24 * HOUR_MS,
        idleMs: 30 * MINUTE_MS,
      },
      checkpoint: { intervalMs: MINUTE_MS },
      image: {
        apt: [],
        pip: ["anthropic"],
        gpuPip: ["torch"],
        gpuPipIndex: "https://download.pytorch.org/whl/cu121",
        claudeCode: undefined,
        bun: undefined,
      },
      volume: { name: "parhelia-vol" },
      secrets: [
        { name: "anthropic-api-key", required: false },
        { name: "github-token", required: false },
      ],
      retention: {
        keepLast: 10,
        keepHourly: 24,
        keepDaily: 7,
        checkpointMaxAgeMs: 30 * 24 * HOUR_MS,
        maxCheckpointBytes: undefined,
        workspaceUnusedMs: 30 * 24 * HOUR_MS,
      },
      limits: { maxSandboxes: 5 },
      pool: { max: 2, keepMs: 3_600_000 },
      cost: expect.objectContaining({ asOf: "2025-11-01", cpuCoreHour: 0.1419 }) as unknown,
      proxiedApiKey: undefined,
      network: { block: false, allowDomains: undefined, allowCidrs: undefined },
      sync: { allow: [] },
      env: {},
    });
    expect(file).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test("a file that was asked for must be there", () => {
    expect(failure({ flags: { config: "other.toml" } }).message).toBe(
      "there is no configuration file other.toml",
    );
    expect(failure({ env: { PARHELIA_CONFIG: directory } }).message).toContain(directory);
  });
});

describe("the file", () => {
  test("is found from a directory below, and every source named", () => {
    const path = write('target = "modal"\n[sandbox]\ncpu = 2.5\n\n[env]\nTZ = "UTC"\n');
    const below = join(directory, "a", "b");
    mkdirSync(below, { recursive: true });
    const loaded = load({ cwd: below });
    expect(loaded.file).toBe(path);
    expect(loaded.config.sandbox.cpu).toBe(2.5);
    expect(loaded.config.env).toEqual({ TZ: "UTC" });
    expect(sourceOf(loaded, "target")).toEqual({ kind: "file", path, line: 1 });
    expect(sourceOf(loaded, "sandbox.cpu")).toEqual({ kind: "file", path, line: 3 });
    expect(sourceOf(loaded, "env.TZ")).toEqual({ kind: "file", path, line: 6 });
    expect(sourceOf(loaded, "sandbox.timeout")).toEqual({ kind: "default" });
  });

  test("may be written with dotted keys, inline tables and a byte order mark", () => {
    write(
      '\uFEFFsandbox.timeout = "1h30m"\nmodal = { region = ["us-east", "eu"], app = "mine" }\n',
    );
    const { config } = load();
    expect(config.sandbox.timeoutMs).toBe(90 * MINUTE_MS);
    expect(config.modal).toEqual({
      app: "mine",
      environment: undefined,
      regions: ["us-east", "eu"],
      snapshot: false,
    });
  });

  test("SPEC-01.11b one region is a list of one", () => {
    write('[modal]\nregion = "us-west"\n');
    expect(load().config.modal.regions).toEqual(["us-west"]);
  });

  test("SPEC-01.14 secrets that the user names are required, even those of the default", () => {
    write('[secrets]\nnames = ["github-token", "my-project"]\n');
    expect(load().config.secrets).toEqual([
      { name: "github-token", required: true },
      { name: "my-project", required: true },
    ]);
  });

  test("a value of [env] that looks like a secret is warned about and not shown", () => {
    write('[env]\nMY_TOKEN = "hunter2"\nMONKEY = "banana"\n');
    const loaded = load();
    expect(loaded.config.env["MY_TOKEN"]).toBe("hunter2");
    expect(loaded.warnings).toHaveLength(1);
    expect(loaded.warnings[0]).toMatch(/^parhelia\.toml:2: .*parhelia secret set NAME MY_TOKEN$/);
    expect(JSON.stringify([loaded.warnings, loaded.values])).not.toContain("hunter2");
  });
});

describe("what is wrong", () => {
  test("is said with line, value and the nearest known name, all of it at once", () => {
    write(
      [
        'targett = "local"',
        "cpu = 3",
        "[sandbox]",
        'cpu = "four"',
        "memory_mb = 200",
        "[secret]",
        "names = []",
        "[colour]",
        'a = "b"',
        "[image]",
        'apt = ["git",',
        "  7]",
      ].join("\n"),
    );
    const error = failure();
    expect(error.exitStatus).toBe(2);
    expect(error.message.split("\n")).toEqual([
      "parhelia.toml:1: unknown key targett; did you mean target?",
      "parhelia.toml:2: unknown key cpu; cpu belongs in [sandbox]",
      'parhelia.toml:4: sandbox.cpu must be a number, not "four"',
      "parhelia.toml:5: unknown key sandbox.memory_mb; did you mean memory_mib?",
      "parhelia.toml:6: unknown section [secret]; did you mean [secrets]?",
      "parhelia.toml:8: unknown section [colour]",
      "parhelia.toml:12: image.apt[1] must be a string, not 7",
    ]);
  });

  test.each([
    ['target = "lokal"', 'target must be "local" or "modal", not "lokal"; did you mean local?'],
    ["target = 1979-05-27", 'target must be "local" or "modal", not a date'],
    [
      "modal.region = 3",
      'modal.region must be a region such as "us-east", or a list of them, not 3',
    ],
    ["sandbox = 3", "sandbox must be a section, not 3"],
    ["[[sandbox]]", "sandbox must be a section, not [{}]"],
    ["sandbox.cpu = 0", "sandbox.cpu must be more than 0, not 0"],
    ["sandbox.cpu = nan", "sandbox.cpu must be a number, not NaN"],
    ["sandbox.memory_mib = 0.5", "sandbox.memory_mib must be a whole number, not 0.5"],
    ["sandbox.memory_mib = 64", "sandbox.memory_mib must be at least 128, not 64"],
    ["sandbox.cpu_limit = 2", "sandbox.cpu_limit must be at least cpu, which is 4, not 2"],
    [
      'sandbox.idle = "soon"',
      'sandbox.idle must be "off" or a duration such as "60s", "30m" or "1h30m", not "soon"',
    ],
    ['checkpoint.interval = "500ms"', 'checkpoint.interval must be whole seconds, not "500ms"'],
    ['sandbox.timeout = "25h"', 'sandbox.timeout must be between 1s and 24h, not "25h"'],
    ['sandbox.timeout = "1500ms"', 'sandbox.timeout must be whole seconds, not "1500ms"'],
    ["sandbox.timeout = 24", "sandbox.timeout must be a string, not 24"],
    [
      'modal.region = "Us East"',
      `modal.region must be one of ${REGIONS.join(", ")} (did you mean us-east?), not "Us East"`,
    ],
    [
      'modal.region = ["us", "eu-westt"]',
      `modal.region[1] must be one of ${REGIONS.join(", ")} (did you mean eu-west?), not "eu-westt"`,
    ],
    [
      'network.allow_domains = ["https://a.b"]',
      'network.allow_domains[0] must be a domain such as api.anthropic.com or *.example.org, not "https://a.b"',
    ],
    [
      'network.allow_cidrs = ["10.0.0.0/33"]',
      'network.allow_cidrs[0] must be a network such as 10.0.0.0/8, not "10.0.0.0/33"',
    ],
    [
      'network = { block = true, allow_domains = ["a.b"] }',
      "network.allow_domains does not go together with block = true, which allows nothing",
    ],
    [
      'secrets.inject = "proxy"\nnetwork.block = true',
      "secrets.inject does not go together with [network] block: Modal either puts the key into requests or restricts where they go",
    ],
    [
      'image.gpu_pip_index = "whl/cu121"',
      'image.gpu_pip_index must be an http or https address, not "whl/cu121"',
    ],
    [
      'image.claude_code = "latest"',
      'image.claude_code must be an exact version such as 2.1.330, not "latest"',
    ],
    ['image.apt = ["a b"]', 'image.apt[0] must be a Debian package name, not "a b"'],
    ['image.pip = ["x; rm -rf /"]', "image.pip[0] must be a pip requirement"],
    ["env.TOKEN = 12345", "env.TOKEN must be a string, not a number"],
    ['[env]\n"A B" = "x"', "env.A B must be a name of letters, digits and underscores"],
  ])("%s", (text, message) => {
    write(text);
    expect(failure().message).toContain(message);
  });

  test.each([
    ["a syntax error", "[sandbox]\n\ncpu =\n", "parhelia.toml:3: not TOML: "],
    ["a value on the next line", "[sandbox]\ncpu =\n4\n", "parhelia.toml:2: not TOML: "],
    ["a key twice", 'target = "local"\ntarget = "modal"\n', "parhelia.toml:2: not TOML: "],
    ["another encoding", Buffer.from('target = "l\xf6cal"', "latin1"), "cannot read parhelia.toml"],
  ])("%s is an error of its own", (_title, text, message) => {
    write(text);
    expect(failure().message).toContain(message);
  });

  test("no override hides a mistake in the file", () => {
    write('[sandbox]\ntimeout = "later"\n');
    expect(failure({ flags: { timeout: "2h" } }).message).toContain("parhelia.toml:2: ");
  });
});

describe("the order", () => {
  test("is default, file, environment variable, flag", () => {
    const path = write('[sandbox]\ncpu = 1\nmemory_mib = 512\ntimeout = "1h"\n[env]\nA = "file"\n');
    const loaded = load({
      env: { PARHELIA_MEMORY_MIB: "1024", PARHELIA_TIMEOUT: "2h", PARHELIA_APP: "" },
      flags: { timeout: "3h", region: "us-east, eu", env: { A: "flag", B: "flag" } },
    });
    expect(loaded.config.sandbox).toMatchObject({
      cpu: 1,
      memoryMiB: 1024,
      timeoutMs: 3 * HOUR_MS,
    });
    expect(loaded.config.modal.regions).toEqual(["us-east", "eu"]);
    expect(loaded.config.env).toEqual({ A: "flag", B: "flag" });
    expect(sourceOf(loaded, "modal.app")).toEqual({ kind: "default" });
    expect(sourceOf(loaded, "sandbox.cpu")).toEqual({ kind: "file", path, line: 2 });
    expect(sourceOf(loaded, "sandbox.memory_mib")).toEqual({
      kind: "environment variable",
      name: "PARHELIA_MEMORY_MIB",
    });
    expect(sourceOf(loaded, "sandbox.timeout")).toEqual({ kind: "flag", name: "--timeout" });
    expect(sourceOf(loaded, "env.A")).toEqual({ kind: "flag", name: "--env" });
  });

  test("a wrong override is named, not the file", () => {
    write('target = "local"\n');
    expect(failure({ env: { PARHELIA_CPU: "many" } }).message).toBe(
      'PARHELIA_CPU: sandbox.cpu must be a number, not "many"',
    );
    expect(failure({ flags: { target: "moon" } }).message).toBe(
      '--target: target must be "local" or "modal", not "moon"',
    );
    expect(failure({ flags: { timeout: "2 days" } }).message).toContain("--timeout: ");
  });
});
