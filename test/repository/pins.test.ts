import { describe, expect, test } from "vitest";
import { defaultLock } from "../../packages/parhelia/src/config/default-lock.ts";
import { readJson, repositoryFiles } from "./tree.ts";

const SHA512 = /^sha512-[A-Za-z0-9+/]{86}==$/;
const EXACT_VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
}

const manifests = repositoryFiles().filter((file) => /(^|\/)package\.json$/.test(file));

describe("package.json", () => {
  test("is found for the workspace and both packages", () => {
    expect(manifests).toEqual(
      expect.arrayContaining([
        "package.json",
        "packages/modal-emulator/package.json",
        "packages/parhelia/package.json",
      ]),
    );
  });

  for (const file of manifests) {
    test(`${file} names exact versions only`, () => {
      const manifest = readJson(file) as Manifest;
      const wanted = Object.entries({
        ...manifest.dependencies,
        ...manifest.devDependencies,
        ...manifest.optionalDependencies,
        ...manifest.peerDependencies,
      });
      expect(wanted.filter(([, version]) => !EXACT_VERSION.test(version))).toEqual([]);
    });
  }

  test("asks for Modal's SDK at the one version that the emulator serves", () => {
    const parhelia = readJson("packages/parhelia/package.json") as Manifest;
    const emulator = readJson("packages/modal-emulator/package.json") as Manifest;
    expect(parhelia.dependencies?.["modal"]).toBe("0.11.1");
    expect(emulator.devDependencies?.["modal"]).toBe("0.11.1");
    expect(emulator.dependencies).not.toHaveProperty("modal");
  });
});

describe("package-lock.json", () => {
  const { packages } = readJson("package-lock.json") as {
    packages: Readonly<Record<string, LockedPackage>>;
  };
  const fetched = Object.entries(packages).filter(([path]) => path.includes("node_modules/"));

  test("names no registry, so that each user's own is asked", () => {
    const addresses = Object.values(packages).flatMap(({ resolved }) => resolved ?? []);
    expect(addresses.filter((address) => address.includes("://"))).toEqual([]);
  });

  test("has an integrity for everything that is fetched", () => {
    const without = fetched.filter(
      ([, { link, inBundle, integrity }]) =>
        link !== true && inBundle !== true && !SHA512.test(integrity ?? ""),
    );
    expect(fetched.length).toBeGreaterThan(100);
    expect(without.map(([path]) => path)).toEqual([]);
  });

  test("has one Modal SDK, 0.11.1", () => {
    const sdks = fetched.filter(([path]) => path.endsWith("node_modules/modal"));
    expect(sdks.map(([, { version }]) => version)).toEqual(["0.11.1"]);
  });
});

describe("the programs of the image", () => {
  const locks = repositoryFiles().filter((file) => /(^|\/)parhelia\.lock$/.test(file));
  const all = [
    ["this release's own lock", defaultLock] as const,
    ...locks.map((file) => [file, readJson(file) as typeof defaultLock] as const),
  ];
  for (const [name, lock] of all) {
    test(`are pinned with a SHA-512 in ${name}`, () => {
      for (const program of [lock.claudeCode, lock.bun]) {
        expect(program.version).toMatch(EXACT_VERSION);
        expect(program.platforms["linux-x64"].integrity).toMatch(SHA512);
        expect(program.platforms["linux-arm64"].integrity).toMatch(SHA512);
      }
      expect(JSON.stringify(lock)).not.toContain("://");
    });
  }
});
