import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Probe, type ModalClient, type Sandbox } from "modal";
import { connectSdk } from "../support/sdk.ts";
import { useSession, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();

describe("SPEC-01.AC6, SPEC-01.13 step 1: ~/.claude", () => {
  const session = useSession(home, "ac6");

  test("is a link to the volume's configuration, exactly", async () => {
    expect(await session.output(["readlink", "/home/parhelia/.claude"])).toBe(
      "/vol/parhelia/config/claude",
    );
    expect(await session.output(["readlink", "-f", "/home/parhelia/.claude"])).toBe(
      "/vol/parhelia/config/claude",
    );
    expect(await session.output(["sh", "-c", "echo ~"])).toBe("/home/parhelia");
  });

  test("what is configured on the volume is what Claude Code reads", async () => {
    await session.asRoot(["tee", "/vol/parhelia/config/claude/CLAUDE.md"], { stdin: "Be kind.\n" });
    expect(await session.output(["cat", "/home/parhelia/.claude/CLAUDE.md"])).toBe("Be kind.");
    await session.asRoot(["rm", "/vol/parhelia/config/claude/CLAUDE.md"]);
  });
});

describe("SPEC-01.AC6: a sandbox whose home has a directory ~/.claude already", () => {
  let modal: ModalClient;
  let sandbox: Sandbox;

  beforeAll(async () => {
    modal = await connectSdk(home);
    const app = await modal.apps.fromName("ac6", { createIfMissing: true });
    const image = await modal.images.fromName("parhelia-cpu:latest");
    const volume = await modal.volumes.fromName("ac6-vol", { createIfMissing: true, version: 2 });
    const before = "mkdir /home/parhelia/.claude; echo mine > /home/parhelia/.claude/settings.json";
    sandbox = await modal.sandboxes.create(app, image, {
      command: ["sh", "-c", `${before}; exec /entrypoint.sh`],
      volumes: { "/vol/parhelia": volume },
      readinessProbe: Probe.withExec(["test", "-f", "/tmp/ready"], { intervalMs: 25 }),
      timeoutMs: 120_000,
    });
    await sandbox.waitUntilReady(60_000);
  });
  afterAll(async () => {
    await sandbox.terminate({ wait: true });
    modal.close();
  });

  test("has the link all the same, and the directory beside it", async () => {
    expect(await run("readlink /home/parhelia/.claude")).toBe("/vol/parhelia/config/claude\n");
    expect(await run("cd /home/parhelia; echo .claude.*")).toMatch(
      /^\.claude\.moved-\d{8}T\d{6}Z\n$/,
    );
    expect(await run("cat /home/parhelia/.claude.moved-*/settings.json")).toBe("mine\n");
  });

  test("no link was put inside a directory, as ln -sfn does", async () => {
    expect(await run("ls -A /home/parhelia/.claude.moved-*")).toBe("settings.json\n");
    expect(await run("find /vol/parhelia/config/claude -type l")).toBe("");
  });

  async function run(script: string): Promise<string> {
    const process = await sandbox.exec(["sh", "-c", script]);
    const [stdout] = await Promise.all([process.stdout.readText(), process.wait()]);
    return stdout;
  }
});
