import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();

/** A volume that no sandbox has used before. */
const configuration = join(home.directory, "ac3.toml");
writeFileSync(configuration, `[image]\npip = []\n[volume]\nname = "ac3-${process.pid}"\n`);
const flags = ["--config", configuration];

const first = new Session(home, "ac3-first", flags);
beforeAll(() => first.up());

describe("SPEC-01.03, SPEC-01.12: the volume", () => {
  test("is mounted at /vol/parhelia", async () => {
    expect((await first.exec(["mountpoint", "/vol/parhelia"])).exitStatus).toBe(0);
  });

  test("has the specification's structure after its first use, with its owners", async () => {
    const found = await first.output([
      ...["find", "/vol/parhelia", "-type", "d", "-printf", "%U:%G %m %p\\n"],
    ]);
    expect(found.split("\n").sort((a, b) => (path(a) < path(b) ? -1 : 1))).toEqual([
      "0:0 755 /vol/parhelia",
      "1000:1000 755 /vol/parhelia/checkpoints",
      "0:0 755 /vol/parhelia/config",
      "0:0 755 /vol/parhelia/config/claude",
      "0:0 755 /vol/parhelia/config/env",
      "0:0 755 /vol/parhelia/plugins",
      "1000:1000 755 /vol/parhelia/workspaces",
      `1000:1000 755 /vol/parhelia/workspaces/${first.name}`,
    ]);
    expect(await first.output(["id", "-u"])).toBe("1000");
  });

  test("is writable for user parhelia below checkpoints/ and workspaces/", async () => {
    const { exitStatus, stderr } = await write("checkpoints/s/state.json", "workspaces/p/file");
    expect([exitStatus, stderr.replace(/^target .*\n/, "")]).toEqual([0, ""]);
  });

  test.each(["config", "config/claude", "config/env", "plugins", "."])(
    "is not writable for user parhelia in %s",
    async (directory) => {
      const { exitStatus, stderr } = await write(`${directory}/new`);
      expect(exitStatus).not.toBe(0);
      expect(stderr).toContain("Permission denied");
    },
  );

  test("keeps remote.env from user parhelia, too", async () => {
    const file = "/vol/parhelia/config/env/remote.env";
    expect((await first.exec(["sh", "-c", `echo X=1 >> ${file}`])).exitStatus).not.toBe(0);
    expect(await first.output(["cat", file])).toContain("PARHELIA_VOLUME_ROOT=/vol/parhelia");
  });

  function write(...files: readonly string[]) {
    const script = 'for f; do mkdir -p "$(dirname "$f")" && echo x > "$f" || exit 1; done';
    const paths = files.map((file) => `/vol/parhelia/${file}`);
    return first.exec(["sh", "-c", script, "sh", ...paths]);
  }
});

describe("SPEC-01.AC3: what is on the volume persists", () => {
  const second = new Session(home, "ac3-second", flags);
  let firstSandbox = "";

  beforeAll(async () => {
    firstSandbox = await first.output(["cat", "/etc/hostname"]);
    await first.output(["sh", "-c", "umask 077; printf 'ünï\\0code' > workspaces.bin"], {
      stdin: "",
    });
    // In the user's home, and so not on the volume.
    await first.output(["touch", "/home/parhelia/not-on-the-volume"]);
    await first.stop();
    await second.up();
  });
  afterAll(() => second.stop());

  test("a file below workspaces/ is in a new sandbox, as it was", async () => {
    expect(await second.output(["cat", "/etc/hostname"])).not.toBe(firstSandbox);
    const file = `/vol/parhelia/workspaces/${first.name}/workspaces.bin`;
    const { stdoutBytes } = await second.exec(["cat", file]);
    expect(stdoutBytes).toEqual(Buffer.from("ünï\0code"));
    const facts = ["stat", "-c", "%U %a", file];
    expect(await second.output(facts)).toBe("parhelia 600");
  });

  test("and what is not on the volume is not", async () => {
    const { exitStatus } = await second.exec(["test", "-e", "/home/parhelia/not-on-the-volume"]);
    expect(exitStatus).toBe(1);
  });

  test("two sandboxes at once see each other's files, after a commit and a reload", async () => {
    await first.up("--new");
    try {
      await first.output(["sh", "-c", "echo from first > /vol/parhelia/workspaces/shared"]);
      await first.commit();
      const file = "/vol/parhelia/workspaces/shared";
      expect((await second.exec(["test", "-e", file])).exitStatus).toBe(1);
      await second.reload();
      expect(await second.output(["cat", file])).toBe("from first");
    } finally {
      await first.stop();
    }
  });
});

function path(line: string): string {
  return line.split(" ")[2] ?? "";
}
