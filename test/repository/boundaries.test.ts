import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runProgram } from "../support/run-program.ts";
import { repositoryFiles, ROOT } from "./tree.ts";

const DEPCRUISE = join(ROOT, "node_modules/.bin/depcruise");
const TIMEOUT_MS = 120_000;

interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

async function cruise(folder: string): Promise<Cruise> {
  const args = ["--config", ".dependency-cruiser.cjs", "--output-type", "json", "packages"];
  const { stdout, stderr } = await runProgram(DEPCRUISE, args, {
    cwd: folder,
    env: process.env,
    timeoutMs: TIMEOUT_MS,
  });
  expect(stdout, stderr).toMatch(/^\{/);
  return JSON.parse(stdout) as Cruise;
}

interface Plant {
  readonly rule: string;
  /** File that breaks the rule. */
  readonly file: string;
  readonly text: string;
}

const emulator = "packages/modal-emulator/src";
const parhelia = "packages/parhelia/src";

/** Everything that each rule has to see: one plant at least for a rule. */
const PLANTS: readonly Plant[] = [
  {
    rule: "no-cycles",
    file: `${parhelia}/config/planted-circle.ts`,
    text: 'export { other } from "./planted-circle-end.ts";\nexport const one = 1;',
  },
  {
    rule: "resolvable",
    file: `${parhelia}/config/planted-missing.ts`,
    text: 'import "./planted-nowhere.ts";',
  },
  {
    rule: "only-modal-imports-the-sdk",
    file: `${parhelia}/sandbox/planted-sdk.ts`,
    text: 'import { ModalClient } from "modal";\nexport const client = new ModalClient();',
  },
  {
    rule: "only-modal-imports-the-sdk",
    file: `${parhelia}/cli/planted-sdk-type.ts`,
    text: 'import type { Sandbox } from "modal";\nexport type Planted = Sandbox;',
  },
  {
    rule: "only-modal-imports-the-sdk",
    file: "packages/parhelia/container/planted-sdk.ts",
    text: 'export const modal = await import("modal");',
  },
  {
    rule: "only-local-imports-the-emulator",
    file: `${parhelia}/modal/planted-emulator.ts`,
    text: 'export { ensureEmulator } from "modal-emulator";',
  },
  {
    rule: "only-local-imports-the-emulator",
    file: `${parhelia}/sandbox/planted-emulator-admin.ts`,
    text: 'export const admin = await import("modal-emulator/admin");',
  },
  {
    rule: "emulator-never-imports-parhelia",
    file: `${emulator}/planted-parhelia.ts`,
    text: 'import "../../parhelia/src/errors.ts";',
  },
  {
    rule: "emulator-imports-the-sdk-only-in-tests",
    file: `${emulator}/services/planted-sdk.ts`,
    text: 'import type { Image } from "modal";\nexport type Planted = Image;',
  },
  {
    rule: "container-imports-only-plain-data",
    file: "packages/parhelia/container/planted-source.ts",
    text: 'export { UserError } from "../src/errors.ts";',
  },
  {
    rule: "repository-runs-on-both-sides",
    file: "packages/parhelia/container/repository/planted-layout.ts",
    text: 'export { VOLUME_ROOT } from "../../src/volume/layout.ts";',
  },
  {
    rule: "src-never-imports-container",
    file: `${parhelia}/layers/planted-container.ts`,
    text: 'import "../../container/main.ts";',
  },
  {
    rule: "nothing-imports-cli",
    file: `${parhelia}/sandbox/planted-cli.ts`,
    text: 'import type { CommandContext } from "../cli/command.ts";\nexport type Planted = CommandContext;',
  },
  {
    rule: "parity-only-from-cli",
    file: `${parhelia}/sandbox/planted-parity.ts`,
    text: 'import "../parity/planted-end.ts";',
  },
  {
    rule: "sandbox-only-from-cli",
    file: `${parhelia}/modal/planted-sandbox.ts`,
    text: 'import "../sandbox/planted-end.ts";',
  },
  {
    rule: "modal-only-from-sandbox-and-above",
    file: `${parhelia}/layers/planted-modal.ts`,
    text: 'import "../modal/planted-end.ts";',
  },
  {
    rule: "layers-only-from-modal-and-above",
    file: `${parhelia}/config/planted-layers.ts`,
    text: 'import "../layers/planted-end.ts";',
  },
  {
    rule: "config-and-volume-stand-side-by-side",
    file: `${parhelia}/config/planted-volume.ts`,
    text: 'import "../volume/planted-end.ts";',
  },
  {
    rule: "config-and-volume-stand-side-by-side",
    file: `${parhelia}/volume/planted-config.ts`,
    text: 'import "../config/planted-end.ts";',
  },
  {
    rule: "foundations-import-nothing",
    file: `${parhelia}/units.ts`,
    text: 'import "./config/planted-end.ts";',
  },
  {
    rule: "emulator-services-below-server",
    file: `${emulator}/services/planted-server.ts`,
    text: 'import "../server.ts";',
  },
  {
    rule: "emulator-state-and-containers-below-services",
    file: `${emulator}/state/planted-services.ts`,
    text: 'import "../services/planted-sdk.ts";',
  },
];

/** What the plants import. */
const PLANT_ENDS: Readonly<Record<string, string>> = {
  [`${parhelia}/config/planted-circle-end.ts`]:
    'export { one } from "./planted-circle.ts";\nexport const other = 2;',
  ...Object.fromEntries(
    ["parity", "sandbox", "modal", "layers", "volume", "config"].map((folder) => [
      `${parhelia}/${folder}/planted-end.ts`,
      "export const end = 1;",
    ]),
  ),
};

describe("a planted violation of each rule", () => {
  const copy = mkdtempSync(join(tmpdir(), "parhelia-boundaries-"));
  let planted: Cruise;

  beforeAll(async () => {
    copyTree(copy);
    const files = [...PLANTS.map(({ file, text }) => [file, text]), ...Object.entries(PLANT_ENDS)];
    for (const [file = "", text = ""] of files) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      writeFileSync(join(copy, file), `${text}\n`);
    }
    planted = await cruise(copy);
  }, TIMEOUT_MS);
  afterAll(() => rmSync(copy, { recursive: true }));

  for (const { rule, file } of PLANTS) {
    test(`${rule} sees ${file}`, () => {
      // A circle is reported at one of its ends only.
      const seen = planted.summary.violations.filter(({ from, to }) => [from, to].includes(file));
      expect(seen.map((violation) => violation.rule.name)).toContain(rule);
    });
  }

  test("no rule is without a plant", () => {
    const configuration = createRequire(import.meta.url)(join(ROOT, ".dependency-cruiser.cjs")) as {
      forbidden: { name: string }[];
    };
    const rules = configuration.forbidden.map(({ name }) => name);
    expect(new Set(PLANTS.map(({ rule }) => rule))).toEqual(new Set(rules));
  });
});

describe("the tree as it is", () => {
  let tree: Cruise;
  beforeAll(async () => {
    tree = await cruise(ROOT);
  }, TIMEOUT_MS);

  test("violates no rule", () => {
    expect(tree.summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`)).toEqual([]);
  });

  test("was looked at file by file", () => {
    const sources = repositoryFiles().filter((file) => /^packages\/.*\.ts$/.test(file));
    const cruised = new Set(tree.modules.map(({ source }) => source));
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter((file) => !cruised.has(file))).toEqual([]);
  });
});

/** Copies what the tool reads; the packages' links in node_modules lead into the copy. */
function copyTree(copy: string): void {
  const files = repositoryFiles().filter((file) => /^packages\/.*\.(ts|json)$/.test(file));
  for (const file of [...files, ".dependency-cruiser.cjs", "tsconfig.json", "package.json"]) {
    cpSync(join(ROOT, file), join(copy, file));
  }
  mkdirSync(join(copy, "node_modules"));
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    const packages = ["modal-emulator", "parhelia"];
    const target = packages.includes(name)
      ? join(copy, "packages", name)
      : join(ROOT, "node_modules", name);
    symlinkSync(target, join(copy, "node_modules", name));
  }
}
