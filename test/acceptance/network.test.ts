import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { containersOf } from "../support/engine-things.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();

function configured(text: string): string[] {
  const file = join(home.directory, "network.toml");
  writeFileSync(file, `[image]\npip = []\n${text}`);
  return ["--config", file];
}

describe("[network] and [secrets] inject on this machine", () => {
  afterAll(() => home.succeed(["secret", "rm", "network-key"]));

  test("block = true: a session without any network", async () => {
    const session = new Session(home, "blocked", configured("[network]\nblock = true\n"));
    await session.up();
    const interfaces = await session.output(["ls", "/sys/class/net"]);
    await session.stop();
    expect(interfaces).toBe("lo");
  });

  test.each([
    ['[network]\nallow_domains = ["api.anthropic.com"]\n', /sandboxes with network_access/],
    ['[network]\nallow_cidrs = ["10.0.0.0/8"]\n', /sandboxes with network_access/],
    [
      '[secrets]\ninject = "proxy"\napi_key = "network-key"\n',
      /sandboxes with experimental_outbound_policy/,
    ],
  ])("what is not enforced is not started: %j", async (toml, message) => {
    await home.succeed(["secret", "set", "network-key", "ANTHROPIC_API_KEY"], { stdin: "key\n" });
    const before = (await containersOf(home)).length;
    const { exitStatus, stderr } = await home.run([...configured(toml), "up", "unfiltered"]);
    expect(exitStatus).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/hint: see docs\/emulator-differences\.md, or use --target modal/);
    expect(await containersOf(home)).toHaveLength(before);
  });

  test("the secret with the key must be there", async () => {
    const flags = configured('[secrets]\ninject = "proxy"\napi_key = "no-such-key"\n');
    const { exitStatus, stderr } = await home.run([...flags, "up", "keyless"]);
    expect(exitStatus).toBe(2);
    expect(stderr).toMatch(/there is no secret named no-such-key/);
  });
});
