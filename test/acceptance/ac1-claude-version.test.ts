import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { engine, sandboxContainers } from "../support/engine-things.ts";
import { useSession, useSharedHome } from "../support/shared-home.ts";

const GIB = 1024 ** 3;

const home = useSharedHome();
const session = useSession(home, "ac1");

describe("SPEC-01.AC1, SPEC-01.01: the cpu variant runs Claude Code", () => {
  test("claude --version prints the pinned version", async () => {
    const lockFile = resolve(import.meta.dirname, "../../parhelia.lock");
    const lock = JSON.parse(readFileSync(lockFile, "utf8")) as { claudeCode: { version: string } };
    const { stdout, exitStatus } = await session.exec(["claude", "--version"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toBe(`${lock.claudeCode.version} (Claude Code)\n`);
  });

  test("as user parhelia, from a native binary, without Node", async () => {
    expect(await session.output(["id", "-un"])).toBe("parhelia");
    const [name, magic] = (
      await session.output([
        "sh",
        "-c",
        'f=$(readlink -f "$(command -v claude)"); echo "$f"; head -c 4 "$f" | od -An -c',
      ])
    ).split("\n");
    expect(name).toBe("/usr/local/bin/claude");
    expect(magic).toMatch(/177\s+E\s+L\s+F/);
    expect((await session.exec(["sh", "-c", "command -v node npm"])).stdout).toBe("");
  });

  test("its updater is off: versions move with the image", async () => {
    expect(await session.output(["printenv", "DISABLE_UPDATES"])).toBe("1");
  });
});

describe("SPEC-01.11: what the image holds", () => {
  test("it is published as parhelia-cpu:latest", async () => {
    const images = (await home.json(["image", "ls"])) as { tag: string; imageId: string }[];
    // The home is shared: other tests may have published images of other variants in it.
    const published = images.filter(({ tag }) => tag.startsWith("parhelia-cpu:"));
    expect(published.map(({ tag }) => tag)).toEqual(["parhelia-cpu:latest"]);
    expect(published[0]?.imageId).toMatch(/^im-/);
  });

  test("Debian 12", async () => {
    expect(await session.output(["sh", "-c", ". /etc/os-release; echo $ID $VERSION_ID"])).toBe(
      "debian 12",
    );
  });

  test("the specification's tools, and Bun", async () => {
    const tools = "tmux sshd git curl gcc make unzip ps python3 pip bun claude".split(" ");
    const script = 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done';
    expect(
      await session.output(["sh", "-c", `PATH=$PATH:/usr/sbin; ${script}`, "sh", ...tools]),
    ).toBe("");
  });

  test("Python 3.11 or newer with psutil, in which the user can install packages", async () => {
    const script =
      "import sys, sysconfig, os, psutil; print(sys.version_info >= (3, 11), os.access(sysconfig.get_path('purelib'), os.W_OK))";
    expect(await session.output(["python3", "-c", script])).toBe("True True");
  });

  test("no host keys, which would be the same in every sandbox", async () => {
    expect(await session.output(["find", "/etc/ssh", "-name", "ssh_host_*"])).toBe("");
  });
});

describe("SPEC-01.10: the cpu variant", () => {
  test("reserves 4 cores and 16384 MiB, also on a smaller machine, and limits neither", async () => {
    const { sandboxId } = await runningSession();
    const container = (await sandboxContainers(home)).get(sandboxId);
    const { HostConfig } = await (await engine()).getContainer(container?.Id ?? "").inspect();
    expect(HostConfig.CpuShares).toBe(4 * 1024);
    expect(HostConfig.MemoryReservation).toBe(16 * GIB);
    expect(HostConfig.NanoCpus).toBe(0);
    expect(HostConfig.Memory).toBe(0);
  });
});

async function runningSession(): Promise<{ sandboxId: string; variant: string }> {
  const sessions = (await home.json(["ls"])) as {
    name: string;
    sandboxId: string;
    variant: string;
  }[];
  const found = sessions.find(({ name }) => name === session.name);
  if (found === undefined) throw new Error(`${session.name} is not in parhelia ls`);
  expect(found.variant).toBe("parhelia-cpu");
  return found;
}
