import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Docker from "dockerode";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { BuildLog } from "./build-log.ts";
import { makeDebianImage } from "./debian-base.ts";
import { findEngine } from "./engine.ts";

const TAG = "modal-emulator-test:debian";
const directory = mkdtempSync(join(tmpdir(), "modal-emulator-debian-"));

let docker: Docker;

beforeAll(async () => {
  ({ docker } = await findEngine());
});

afterEach(() => {
  vi.unstubAllEnvs();
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Puts a program in mmdebstrap's place, which is not ours and takes half a minute. */
function standIn(script: string): void {
  const file = join(directory, "mmdebstrap");
  writeFileSync(file, `#!/bin/sh\n${script}`);
  chmodSync(file, 0o755);
  vi.stubEnv("PATH", `${directory}:${process.env["PATH"] ?? ""}`);
}

async function images(): Promise<number> {
  return (await docker.listImages({ filters: { reference: [TAG] } })).length;
}

test("a missing mmdebstrap is named with the command that installs it", async () => {
  vi.stubEnv("PATH", directory);
  await expect(makeDebianImage(docker, TAG, new BuildLog())).rejects.toThrow(
    "is not installed; run: apt-get install -y mmdebstrap",
  );
  expect(await images()).toBe(0);
});

test("one that fails half-way leaves no image, and its last lines are shown", async () => {
  standIn("head -c 2048 /dev/zero; echo 'E: no such mirror' >&2; exit 25");
  const log = new BuildLog();
  await expect(makeDebianImage(docker, TAG, log)).rejects.toThrow(
    "mmdebstrap failed:\nE: no such mirror",
  );
  expect(log.since(0).at(-1)).toMatchObject({ text: "E: no such mirror\n", stream: "info" });
  expect(await images()).toBe(0);
});

test("what the engine refuses to import ends it at once", async () => {
  standIn("while :; do echo 'not an archive'; done");
  await expect(makeDebianImage(docker, TAG, new BuildLog())).rejects.toThrow(/tar|archive|header/i);
  expect(await images()).toBe(0);
});

test("its archive becomes an image that starts as Debian's own does", async () => {
  standIn('echo "$@" >&2; cd "$(dirname "$0")" && tar -c mmdebstrap');
  const log = new BuildLog();
  await makeDebianImage(docker, TAG, log);
  try {
    const { Config } = await docker.getImage(TAG).inspect();
    expect(Config).toMatchObject({ Cmd: ["bash"], Labels: { "modal-emulator.kind": "image" } });
    expect(Config.Env[0]).toMatch(/^PATH=\/usr\/local\/sbin:/);
    const text = log.since(0).map((line) => line.text);
    expect(text.join("")).toMatch(/--variant=minbase --architectures=(amd64|arm64) .* bookworm -/s);
  } finally {
    await docker.getImage(TAG).remove();
  }
});
