import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ContainerProgram } from "./container-program.ts";
import type { ImageLock, PinnedBinary } from "./image-plan.ts";
import { claudeCodeLayer, programLayer } from "./layer2-claude-code.ts";
import { planImage } from "./plan-image.ts";

const SHA512_BASE64_OF_NOTHING = createHash("sha512").digest("base64");

function pinned(
  version: string,
  tarball = {
    integrity: `sha512-${SHA512_BASE64_OF_NOTHING}`,
    tarballUrl: "https://registry.test/a.tgz",
  },
): PinnedBinary {
  return { version, platforms: { "linux-x64": tarball, "linux-arm64": tarball } };
}

const lock: ImageLock = { bun: pinned("1.4.5"), claudeCode: pinned("2.1.330") };

function programOf(bundleBytes: number): ContainerProgram {
  const bytes = (length: number) =>
    Uint8Array.from({ length }, (_, index) => (index * 31 + length) % 256);
  return {
    bundle: bytes(bundleBytes),
    checkpointBundle: bytes(12),
    workspaceBundle: bytes(13),
    batchBundle: bytes(12),
    mcpLauncherBundle: bytes(bundleBytes),
    metricsBundle: bytes(bundleBytes),
    container: bytes(10),
    mcpLauncher: bytes(15),
    metrics: bytes(16),
    exec: bytes(20),
    terminal: bytes(25),
    attach: bytes(26),
    entrypoint: bytes(30),
    gitCredential: bytes(33),
    gitConfig: bytes(34),
    tmuxConf: bytes(40),
  };
}

const program = programOf(1000);
const layerNames = (choices: Parameters<typeof planImage>[0]) =>
  planImage(choices).layers.map(({ name }) => name);

describe("the plan of parhelia-cpu", () => {
  test("SPEC-01.11, SPEC-01.15: few layers on Debian 12, what changes often last", () => {
    expect(planImage({ apt: [], pip: [], lock, program }).base).toBe("debian:bookworm-slim");
    expect(layerNames({ apt: [], pip: [], lock, program })).toEqual([
      "base-os",
      "bun",
      "claude-code",
      "services",
      "program",
    ]);
    expect(layerNames({ apt: ["jq"], pip: ["anthropic"], lock, program })).toEqual([
      "base-os",
      "extra-packages",
      "bun",
      "claude-code",
      "services",
      "program",
    ]);
  });

  test("SPEC-01.10: parhelia-gpu has the CUDA layer of the specification besides, above what is stable", () => {
    const cuda = { pip: ["torch"], index: "https://download.pytorch.org/whl/cu121" };
    const layers = planImage({ apt: [], pip: ["anthropic"], cuda, lock, program }).layers;
    expect(layers.map(({ name }) => name)).toEqual([
      "base-os",
      "extra-packages",
      "cuda",
      "bun",
      "claude-code",
      "services",
      "program",
    ]);
    const [command = ""] = layers[2]?.commands ?? [];
    expect(command).toMatch(
      /pip install .*--index-url https:\/\/download\.pytorch\.org\/whl\/cu121 -- torch /,
    );
    expect(command).toContain("set gpu_pip = [] under [image]");
    expect(layerNames({ apt: [], pip: [], cuda: { ...cuda, pip: [] }, lock, program })).toEqual(
      layerNames({ apt: [], pip: [], lock, program }),
    );
  });

  test("equal choices give equal commands, none of which reads a local file", () => {
    const choices = { apt: ["jq"], pip: ["anthropic"], lock, program };
    const commands = planImage(choices).layers.flatMap((layer) => layer.commands);
    expect(planImage(choices).layers.flatMap((layer) => layer.commands)).toEqual(commands);
    expect(commands.filter((command) => !command.startsWith("RUN "))).toEqual([]);
  });

  test("a package's name is one word of the shell, whatever is in it", () => {
    const [apt, pip] =
      planImage({ apt: ["jq; reboot"], pip: ["a>=1 && reboot"], lock, program }).layers[1]
        ?.commands ?? [];
    expect(apt).toContain("-- 'jq; reboot' &&");
    expect(pip).toContain("-- 'a>=1 && reboot' ||");
  });

  test("pip that fails says how to go without", () => {
    const pip =
      planImage({ apt: [], pip: ["anthropic"], lock, program }).layers[1]?.commands[0] ?? "";
    const failing = pip.replace(/^RUN .*?(?= \|\| )/, "false");
    const { status, stderr } = spawnSync("sh", ["-c", failing], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /no package index was reachable .*set pip = \[\] under \[image\] in parhelia.toml/,
    );
  });
});

describe("the commands, run", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "parhelia-layers-"));
    for (const directory of ["opt/parhelia", "usr/local/bin", "etc"])
      mkdirSync(join(root, directory), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** Runs RUN commands of a layer with the image's directories below `root`, up to the first that fails. */
  function runLayer(commands: readonly string[]) {
    const env = { ...process.env, PATH: `${root}/usr/local/bin:${process.env["PATH"] ?? ""}` };
    let output = { status: 0 as number | null, stdout: "", stderr: "" };
    for (const command of commands) {
      const script = command
        .slice("RUN ".length)
        .replaceAll(/(?<= )\/(opt|usr|etc|entrypoint)/g, `${root}/$1`);
      const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8", env });
      output = { status, stdout: output.stdout + stdout, stderr: output.stderr + stderr };
      if (status !== 0) break;
    }
    return output;
  }

  test.each([1_000, 200_000])(
    "a program of %i bytes arrives unchanged, in commands below 64 KiB",
    (bytes) => {
      const content = programOf(bytes);
      const { commands } = programLayer(content);
      expect(commands.filter((command) => command.length >= 64 * 1024)).toEqual([]);
      expect(commands).toHaveLength(bytes < 10_000 ? 1 : 5);
      expect(runLayer(commands)).toMatchObject({ status: 0 });
      const at = (path: string) => new Uint8Array(readFileSync(join(root, path)));
      expect(at("opt/parhelia/parhelia-container.js")).toEqual(content.bundle);
      expect(at("opt/parhelia/parhelia-checkpoint.js")).toEqual(content.checkpointBundle);
      expect(at("opt/parhelia/parhelia-workspace.js")).toEqual(content.workspaceBundle);
      expect(at("usr/local/bin/parhelia-exec")).toEqual(content.exec);
      expect(at("entrypoint.sh")).toEqual(content.entrypoint);
      expect(statSync(join(root, "entrypoint.sh")).mode & 0o777).toBe(0o755);
      expect(statSync(join(root, "opt/parhelia/parhelia-container.js")).mode & 0o777).toBe(0o644);
    },
  );

  /** An npm package whose `claude` prints the version. */
  function tarballOf(version: string): { integrity: string; tarballUrl: string } {
    mkdirSync(join(root, "package"));
    writeFileSync(join(root, "package/claude"), `#!/bin/sh\necho "${version} (Claude Code)"\n`);
    const file = join(root, "claude.tgz");
    execFileSync("tar", ["-czf", file, "-C", root, "package"]);
    const integrity = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
    return { integrity, tarballUrl: pathToFileURL(file).href };
  }

  test("D5: the pinned binary is installed, and nothing else is left", () => {
    const outcome = runLayer(claudeCodeLayer(pinned("2.1.330", tarballOf("2.1.330"))).commands);
    expect(outcome).toMatchObject({ status: 0, stdout: "claude 2.1.330 (Claude Code)\n" });
    expect(statSync(join(root, "usr/local/bin/claude")).mode & 0o777).toBe(0o755);
    expect(execFileSync("ls", [join(root, "opt/parhelia")], { encoding: "utf8" })).toBe("");
  });

  test("D5: another download than the pinned one is refused", () => {
    const tarball = { ...tarballOf("2.1.330"), integrity: `sha512-${SHA512_BASE64_OF_NOTHING}` };
    const outcome = runLayer(claudeCodeLayer(pinned("2.1.330", tarball)).commands);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain(
      "the download of Claude Code 2.1.330 is not what parhelia.lock pins",
    );
  });

  test("SPEC-01.AC1: another version than the pinned one fails the build", () => {
    const outcome = runLayer(claudeCodeLayer(pinned("2.1.330", tarballOf("2.1.4"))).commands);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("claude is 2.1.4 (Claude Code) instead of 2.1.330");
  });

  test("an integrity that is no SHA-512 is a mistake", () => {
    const tarball = { integrity: "sha1-abc", tarballUrl: "https://registry.test/a.tgz" };
    expect(() => claudeCodeLayer(pinned("1.0.0", tarball))).toThrow(
      "not a SHA-512 integrity: sha1-abc",
    );
  });
});
