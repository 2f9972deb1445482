import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { engine, imagesOf, sandboxContainers } from "../support/engine-things.ts";
import {
  filesWith,
  findInStream,
  formsOf,
  randomSecret,
  sha256,
  watchCommandLines,
} from "../support/leaks.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const KEY = "ANTHROPIC_API_KEY";
const SECRET = "anthropic-api-key";
const value = randomSecret();
const forms = formsOf(value);

const home = useSharedHome();
const session = new Session(home, "ac4");

/** What the commands of this file printed. */
const printed: string[] = [];

/** Command lines of this machine's processes while `up` and `exec` ran, that hold the value or a marker. */
const commandLines = new Set<string>();
const MARKER = `marker-${process.pid}`;

beforeAll(async () => {
  const set = await home.run(["secret", "set", SECRET, KEY], { stdin: `${value}\n` });
  expect(set.exitStatus).toBe(0);
  await record(home.run(["up", session.name, "--json"]));
  await record(session.exec(["sh", "-c", "sleep 0.5", MARKER]));
  printed.push(set.stdout, set.stderr);
});
afterAll(async () => {
  await session.stop();
  await home.succeed(["secret", "rm", SECRET]);
});

async function record(run: ReturnType<typeof home.run>): Promise<void> {
  for (const line of await watchCommandLines([value, MARKER], run)) commandLines.add(line);
  const { exitStatus, stdout, stderr } = await run;
  printed.push(stdout, stderr);
  expect(exitStatus, stderr).toBe(0);
}

describe("SPEC-01.AC4, SPEC-01.14: a secret is in the environment", () => {
  const digest = `printf %s "$${KEY}" | sha256sum`;

  test("of exec, exactly as it was set", async () => {
    expect(await session.output(["sh", "-c", digest])).toBe(`${sha256(value)}  -`);
  });

  test("of root's commands, too", async () => {
    expect(await session.asRoot(["sh", "-c", digest])).toBe(`${sha256(value)}  -`);
  });

  test("of tmux: in its server, and so in every window", async () => {
    const window = `${digest} > /tmp/ac4; tmux wait-for -S ac4-done`;
    await session.output(["tmux", "new-window", "-d", "-t", "main", window]);
    await session.output(["timeout", "20", "tmux", "wait-for", "ac4-done"]);
    expect(await session.output(["cat", "/tmp/ac4"])).toBe(`${sha256(value)}  -`);
  });

  test("with every character that a value can have", async () => {
    const odd = ` quotes ' " \`, $HOME \\ = # ünïcödé\nand a second line\t `;
    const configuration = join(home.directory, "ac4-odd.toml");
    writeFileSync(configuration, '[image]\npip = []\n[secrets]\nnames = ["ac4-odd"]\n');
    const other = new Session(home, "ac4-odd", ["--config", configuration]);
    await home.succeed(["secret", "set", "ac4-odd", "ODD"], { stdin: `${odd}\n` });
    await other.up();
    try {
      const { stdoutBytes } = await other.exec(["sh", "-c", 'printf %s "$ODD"']);
      expect(stdoutBytes.toString("utf8")).toBe(odd);
    } finally {
      await other.stop();
      await home.succeed(["secret", "rm", "ac4-odd"]);
    }
  });

  test("and is listed by name and key", async () => {
    const secrets = (await home.json(["secret", "ls"])) as { name: string; keys: string[] }[];
    expect(secrets.find(({ name }) => name === SECRET)).toMatchObject({ keys: [KEY] });
    printed.push(JSON.stringify(secrets));
  });
});

describe("SPEC-01.AC4, SPEC-01.14: the secret's value is not", () => {
  test("in what parhelia printed, nor in its configuration as it shows it", async () => {
    printed.push(await home.succeed(["config", "show"]), await home.succeed(["local", "status"]));
    expect(printed.join("\n")).toContain(session.name);
    expect(holdsValue(printed.join("\n"))).toBe(false);
  });

  test("in parhelia logs", async () => {
    const { stdout, stderr } = await home.run(["logs", session.name]);
    expect(stdout).toContain("parhelia-init ready");
    expect(holdsValue(stdout + stderr)).toBe(false);
  });

  test.each(["emulator.log", "requests.log"])("in the emulator's %s", (name) => {
    const log = readFileSync(join(home.stateDirectory, name), "utf8");
    expect(log).toContain(name === "requests.log" ? "SecretGetOrCreate" : "serving");
    expect(holdsValue(log)).toBe(false);
  });

  test("in the arguments of any process of this machine during up and exec", () => {
    const lines = [...commandLines];
    // What was looked for is found where it is: the exec's own arguments.
    expect(lines.some((line) => line.includes(MARKER))).toBe(true);
    expect(lines.filter((line) => line.includes(value)).length).toBe(0);
  });

  test("in the history and the settings of any image that the emulator made", async () => {
    const docker = await engine();
    const images = await imagesOf(home);
    expect(images.length).toBeGreaterThan(3);
    for (const { Id, RepoTags } of images) {
      const image = docker.getImage(Id);
      const about = JSON.stringify([await image.inspect(), await image.history()]);
      expect(about).toContain("Created");
      expect(holdsValue(about), String(RepoTags)).toBe(false);
    }
  });

  test("in a full export of the sandbox's image", async () => {
    const docker = await engine();
    const container = [...(await sandboxContainers(home)).values()][0];
    const archive = (await docker.getImage(container?.Image ?? "").get()) as unknown as Readable;
    // A text that is in the image shows that the archive can be searched.
    const known = Buffer.from("/usr/local/bin/parhelia-container init");
    const { found, bytes } = await findInStream(archive, [known, ...forms]);
    expect(bytes).toBeGreaterThan(500 * 1024 ** 2);
    expect(found.map((needle) => forms.indexOf(needle))).toEqual([-1]);
  });

  test("in any file of the sandbox or its volume", async () => {
    const folders = [
      "/etc",
      "/home",
      "/opt",
      "/root",
      "/run",
      "/tmp",
      "/usr/local/bin/parhelia-exec",
    ];
    const search = ["grep", "-rlF", "-D", "skip", "-f", "-", ...folders, "/var", "/vol"];
    const hits = await home.run(["exec", "--root", session.name, "--", ...search], {
      stdin: value,
    });
    expect(hits.stdout).toBe("");
    expect(hits.exitStatus).toBe(1);
  });

  test("in a file of the state directory that others may read", () => {
    const files = filesWith(home.stateDirectory, forms);
    // The secret itself is kept somewhere: where only this user may read it.
    expect(files).toHaveLength(1);
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600]);
    expect(statSync(home.stateDirectory).mode & 0o777).toBe(0o700);
    expect(readdirSync(home.stateDirectory)).toContain("secrets");
  });

  test("in the error of a command that is given it as a key by mistake", async () => {
    const { exitStatus, stdout, stderr } = await home.run(["secret", "set", SECRET, value]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain("hint:");
    expect(holdsValue(stdout + stderr)).toBe(false);
  });
});

/** Says only whether: a failing test must not print it either. */
function holdsValue(text: string): boolean {
  const bytes = Buffer.from(text);
  return forms.some((form) => bytes.includes(form));
}
