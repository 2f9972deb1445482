import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { containersOf } from "../support/engine-things.ts";
import { Session, useOwnHome, useSharedHome } from "../support/shared-home.ts";

/** Refused by what the configuration says: there is nothing to wait for. */
const AT_ONCE_MS = 3_000;

const home = useSharedHome();

function configured(text: string): string[] {
  const file = join(home.directory, "network.toml");
  writeFileSync(file, `[image]\npip = []\n${text}`);
  return ["--config", file];
}

const UNENFORCED = [
  {
    toml: '[network]\nallow_domains = ["api.anthropic.com"]\n',
    setting: "[network] allow_domains",
    field: "network_access",
  },
  {
    toml: '[network]\nallow_cidrs = ["10.0.0.0/8"]\n',
    setting: "[network] allow_cidrs",
    field: "network_access",
  },
  {
    toml: '[secrets]\ninject = "proxy"\napi_key = "network-key"\n',
    setting: '[secrets] inject = "proxy"',
    field: "experimental_outbound_policy",
  },
];

describe("[network] and [secrets] inject on this machine", () => {
  test("block = true: a session without any network", async () => {
    const session = new Session(home, "blocked", configured("[network]\nblock = true\n"));
    await session.up();
    const interfaces = await session.output(["ls", "/sys/class/net"]);
    await session.stop();
    expect(interfaces).toBe("lo");
  });

  describe("in a home without an image", () => {
    const fresh = useOwnHome();

    test.each(UNENFORCED)(
      "SPEC-01.14: $setting is refused before anything is built or asked for",
      async ({ toml, setting }) => {
        const args = [...configured(toml), "up", "unfiltered"];
        const { exitStatus, stdout, stderr, durationMs } = await fresh.run(args);
        expect(exitStatus, stderr).toBe(2);
        expect(stdout).toBe("");
        expect(stderr).toContain(`error: ${setting} cannot be enforced on this machine`);
        expect(stderr).toMatch(/hint: use --target modal/);
        expect(durationMs).toBeLessThan(AT_ONCE_MS);
        // Not even an emulator was started.
        expect(existsSync(fresh.stateDirectory)).toBe(false);
      },
    );
  });

  /** As a caller would meet it who speaks to the emulator without asking first, as one speaks to Modal. */
  describe("the emulator itself", () => {
    afterAll(() => home.succeed(["secret", "rm", "network-key"]));

    const asModal = async (flags: readonly string[], ...args: string[]) => {
      const served = (await home.json(["local", "serve"])) as Record<string, string>;
      const env = { ...served, MODAL_CONFIG_PATH: join(home.directory, "none.toml") };
      return home.run([...flags, "--target", "modal", ...args], { env });
    };

    test.each(UNENFORCED)("starts nothing that it does not enforce: $setting", async (given) => {
      const { toml, field } = given;
      await home.succeed(["secret", "set", "network-key", "ANTHROPIC_API_KEY"], { stdin: "key\n" });
      const before = (await containersOf(home)).length;
      const { exitStatus, stderr } = await asModal(configured(toml), "up", "unfiltered");
      expect(exitStatus).toBe(1);
      expect(stderr).toContain(`sandboxes with ${field}`);
      expect(stderr).toMatch(/hint: see docs\/emulator-differences\.md, or use --target modal/);
      expect(await containersOf(home)).toHaveLength(before);
    });

    test("the secret with the key must be there", async () => {
      const flags = configured('[secrets]\ninject = "proxy"\napi_key = "no-such-key"\n');
      const { exitStatus, stderr } = await asModal(flags, "up", "keyless");
      expect(exitStatus).toBe(2);
      expect(stderr).toMatch(/there is no secret named no-such-key/);
    });
  });
});
