import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SystemError, UserError } from "../errors.ts";
import { defaultLock } from "./default-lock.ts";
import { formatLock, lockPathFor, readLock, writeLock } from "./lock-file.ts";
import type { Lock } from "./lock-file.ts";
import { lockPluginSources, resolveLock } from "./lock.ts";

/** A real version that no release of Parhelia pins. */
const OTHER_BUN = "1.4.4";
const INTEGRITY = /^sha512-[A-Za-z0-9+/]{86}==$/;

let directory = "";
let lockPath = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "parhelia-lock-"));
  lockPath = join(directory, "parhelia.lock");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => error as Error,
  );
}

describe("resolving, with the real npm", () => {
  test("without a lock and without a wish, this release's versions are used and nothing is written", async () => {
    const resolved = await resolveLock({ lockPath });
    expect(resolved.claudeCode.version).toBe(defaultLock.claudeCode.version);
    for (const program of ["claudeCode", "bun"] as const) {
      for (const platform of ["linux-x64", "linux-arm64"] as const) {
        const { integrity, tarballUrl } = resolved[program].platforms[platform];
        expect(integrity).toBe(defaultLock[program].platforms[platform].integrity);
        expect(tarballUrl).toMatch(/^https?:\/\/.*\.tgz$/);
      }
    }
    expect(resolved.writtenTo).toBeUndefined();
    expect(existsSync(lockPath)).toBe(false);
  });

  test("another version is looked up and pinned, without addresses; the other program stays", async () => {
    const resolved = await resolveLock({ lockPath, bun: OTHER_BUN });
    expect(resolved.writtenTo).toBe(lockPath);
    const text = readFileSync(lockPath, "utf8");
    expect(text).not.toContain("://");
    const lock = readLock(lockPath);
    expect(lock?.bun.version).toBe(OTHER_BUN);
    expect(lock?.bun.platforms["linux-x64"].integrity).toMatch(INTEGRITY);
    expect(lock?.bun.platforms).not.toEqual(defaultLock.bun.platforms);
    expect(lock?.claudeCode).toEqual(defaultLock.claudeCode);

    // The lock now decides, and stays byte for byte what it is.
    const again = await resolveLock({ lockPath });
    expect(again.bun).toEqual(resolved.bun);
    expect(again.writtenTo).toBeUndefined();
    expect(readFileSync(lockPath, "utf8")).toBe(text);
  });

  test("a package that is not the pinned one stops the build, and says what that means", async () => {
    const altered = structuredClone(defaultLock);
    altered.claudeCode.platforms["linux-arm64"].integrity = `sha512-${"A".repeat(86)}==`;
    writeLock(lockPath, altered);
    const error = await failureOf(resolveLock({ lockPath }));
    expect(error).toBeInstanceOf(SystemError);
    expect(error.message).toContain(
      `@anthropic-ai/claude-code-linux-arm64@${defaultLock.claudeCode.version} in your npm registry is not the package that ${lockPath} pins`,
    );
    expect(error.message).toContain("tampered with");
    expect(readLock(lockPath)).toEqual(altered);
  });

  test("a version that does not exist is the user's mistake, and nothing is written", async () => {
    const error = await failureOf(resolveLock({ lockPath, claudeCode: "0.0.999999" }));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(/^your npm registry has no @anthropic-ai\/claude-code-linux-/);
    expect(existsSync(lockPath)).toBe(false);
  });

  test("a registry that does not answer is named as such", async () => {
    const env = { ...process.env, npm_config_registry: "http://127.0.0.1:9/" };
    const error = await failureOf(resolveLock({ lockPath, env }));
    expect(error).toBeInstanceOf(SystemError);
    expect(error.message).toContain("your npm registry cannot be asked for");
    expect(error.message).toContain("ECONNREFUSED");
  });

  test("no npm is named as such", async () => {
    const error = await failureOf(resolveLock({ lockPath, env: { PATH: directory } }));
    expect(error).toBeInstanceOf(SystemError);
    expect(error.message).toContain("there is no npm on your PATH");
  });

  test("it can be interrupted", async () => {
    const signal = AbortSignal.abort();
    expect((await failureOf(resolveLock({ lockPath, signal }))).name).toBe("AbortError");
  });
});

describe("the lock file", () => {
  test("the same lock is the same text, whatever the order it came in", () => {
    const { lockVersion, claudeCode, bun } = defaultLock;
    const shuffled: Lock = { bun, claudeCode, lockVersion };
    expect(formatLock(shuffled)).toBe(formatLock(defaultLock));
  });

  const source = {
    name: "acme",
    repository: "https://github.com/acme/plugins.git",
    commit: "0123456789abcdef0123456789abcdef01234567",
    path: "/vol/parhelia/plugins/marketplaces/acme",
  };

  test("sources of plugins are recorded by name, replaced as a whole, and written only when they differ", () => {
    const other = { ...source, name: "beta@acme", subdirectory: "tools/beta" };
    expect(lockPluginSources(lockPath, [other, source])).toBe(true);
    expect(readLock(lockPath)).toEqual({ ...defaultLock, plugins: [source, other] });
    expect(lockPluginSources(lockPath, [source, other])).toBe(false);
    expect(lockPluginSources(lockPath, [])).toBe(true);
    expect(readLock(lockPath)).toEqual(defaultLock);
  });

  test("no lock is begun where there is nothing to record", () => {
    expect(lockPluginSources(lockPath, [])).toBe(false);
    expect(existsSync(lockPath)).toBe(false);
  });

  test("sources of plugins stay when a program moves to another version", async () => {
    lockPluginSources(lockPath, [source]);
    await resolveLock({ lockPath, bun: OTHER_BUN });
    const lock = readLock(lockPath);
    expect(lock?.bun.version).toBe(OTHER_BUN);
    expect(lock?.plugins).toEqual([source]);
  });

  test("the repository's own is what this release pins", () => {
    const own = new URL("../../../../parhelia.lock", import.meta.url);
    expect(readFileSync(own, "utf8")).toBe(formatLock(defaultLock));
  });

  test.each([
    ["no JSON", "<<<<<<< HEAD"],
    ["a version range", formatLock(defaultLock).replace('"1.4.5"', '"^1.4.5"')],
    ["a weaker hash", formatLock(defaultLock).replaceAll("sha512-", "sha1-")],
    ["a later format", formatLock(defaultLock).replace('"lockVersion": 1', '"lockVersion": 2')],
  ])("%s is refused", (_title, text) => {
    writeFileSync(lockPath, text);
    expect(() => readLock(lockPath)).toThrow(UserError);
    expect(() => readLock(lockPath)).toThrow(`${lockPath} is damaged`);
  });

  test("it lies beside the configuration file in use, else in the working directory", () => {
    expect(lockPathFor("/a/parhelia.toml", "/a/b")).toBe("/a/parhelia.lock");
    expect(lockPathFor(undefined, "/a/b")).toBe("/a/b/parhelia.lock");
  });
});
