import { join } from "node:path";
import type { BuildOptions } from "esbuild";

/** CommonJS dependencies inside an ES module bundle call `require`, `__filename` and `__dirname`. */
const COMMONJS_BANNER = [
  'import { createRequire as __createRequire } from "node:module";',
  'import { fileURLToPath as __fileURLToPath } from "node:url";',
  'import { dirname as __dirnameOf } from "node:path";',
  "const require = __createRequire(import.meta.url);",
  "const __filename = __fileURLToPath(import.meta.url);",
  "const __dirname = __dirnameOf(__filename);",
].join("\n");

/** For Node: everything included, except optional native parts of ssh2, which the engine's client loads. */
const PROGRAM: BuildOptions = {
  bundle: true,
  platform: "node",
  target: "node22",
  format: "esm",
  conditions: ["source"],
  banner: { js: COMMONJS_BANNER },
  external: ["cpu-features", "*.node"],
  legalComments: "none",
  logLevel: "warning",
};

/** For programs that import it: dependencies stay imports. */
const LIBRARY: BuildOptions = { ...PROGRAM, banner: {}, packages: "external", splitting: true };

/**
 * Minified, and without anything that depends on where it was built: the image gets it as content, and
 * the same bytes are the same image layer (decision D4).
 */
const SANDBOX_PROGRAM: BuildOptions = {
  bundle: true,
  platform: "node",
  target: "esnext",
  format: "esm",
  minify: true,
  // Bun reads a file that it takes as it is as Latin-1: everything else is escaped.
  charset: "ascii",
  // Bun takes the file as it is: it neither transpiles it nor keeps a copy in a cache.
  banner: { js: "// @bun" },
  legalComments: "none",
  logLevel: "warning",
};

/**
 * As CommonJS, in the wrapper that Bun expects of a file that it takes as it is: what is imported when it is
 * needed loads Node's modules then, too. In an ES module all of them are loaded before it starts.
 */
const LAZY: BuildOptions = {
  format: "cjs",
  banner: {
    js: '// @bun @bun-cjs\n(function(exports, require, module, __filename, __dirname) {"use strict";',
  },
  footer: { js: "})" },
  // Otherwise it would say so again for each module, where there is a tsconfig.json to say that it does.
  tsconfigRaw: {},
};

/** Entry points that are bundled together. */
export interface Bundle {
  readonly entries: readonly string[];
  readonly outdir: string;
  readonly options: BuildOptions;
}

/** The sandbox's own program, from the checkout at `root`. */
export function containerBundle(root: string): Bundle {
  return {
    entries: [join(root, "packages/parhelia/container/main.ts")],
    outdir: join(root, "packages/parhelia/dist/container"),
    options: { ...SANDBOX_PROGRAM, ...LAZY, entryNames: "parhelia-container" },
  };
}

/** The program's checkpoints: apart, since init, which a user waits for, seldom needs them. */
export function checkpointBundle(root: string): Bundle {
  return {
    entries: [join(root, "packages/parhelia/container/checkpoint/main.ts")],
    outdir: join(root, "packages/parhelia/dist/container"),
    options: { ...SANDBOX_PROGRAM, ...LAZY, entryNames: "parhelia-checkpoint" },
  };
}

/** The program's working trees, apart likewise. */
export function workspaceBundle(root: string): Bundle {
  return {
    entries: [join(root, "packages/parhelia/container/workspace/main.ts")],
    outdir: join(root, "packages/parhelia/dist/container"),
    options: { ...SANDBOX_PROGRAM, ...LAZY, entryNames: "parhelia-workspace" },
  };
}

/** The sandbox's batch tasks: apart, since init, which a user waits for, would read them, too. */
export function batchBundle(root: string): Bundle {
  return {
    entries: [join(root, "packages/parhelia/container/batch/main.ts")],
    outdir: join(root, "packages/parhelia/dist/container"),
    options: { ...SANDBOX_PROGRAM, ...LAZY, entryNames: "parhelia-batch" },
  };
}

/** The sandbox's MCP launcher: apart, since the MCP SDK would slow down the start of the program. */
export function mcpLauncherBundle(root: string): Bundle {
  return {
    entries: [join(root, "packages/parhelia/container/mcp/main.ts")],
    outdir: join(root, "packages/parhelia/dist/container"),
    options: { ...SANDBOX_PROGRAM, entryNames: "parhelia-mcp-launcher" },
  };
}

/** The sandbox's metrics: apart, since init, which a user waits for, would read their library, too. */
export function metricsBundle(root: string): Bundle {
  return {
    entries: [join(root, "packages/parhelia/container/metrics/main.ts")],
    outdir: join(root, "packages/parhelia/dist/container"),
    options: { ...SANDBOX_PROGRAM, ...LAZY, entryNames: "parhelia-metrics" },
  };
}

/** Everything that `npm run build` bundles. */
export function allBundles(root: string): Bundle[] {
  const parhelia = join(root, "packages/parhelia");
  const emulator = join(root, "packages/modal-emulator");
  return [
    containerBundle(root),
    checkpointBundle(root),
    workspaceBundle(root),
    batchBundle(root),
    mcpLauncherBundle(root),
    metricsBundle(root),
    {
      // Split, so that each command loads only what it uses.
      entries: [join(parhelia, "src/cli/main.ts")],
      outdir: join(parhelia, "dist/cli"),
      options: { ...PROGRAM, splitting: true, chunkNames: "chunks/[name]-[hash]" },
    },
    { entries: [join(parhelia, "src/index.ts")], outdir: join(parhelia, "dist"), options: LIBRARY },
    { entries: [join(emulator, "src/main.ts")], outdir: join(emulator, "dist"), options: PROGRAM },
    {
      entries: [join(emulator, "src/index.ts"), join(emulator, "src/admin.ts")],
      outdir: join(emulator, "dist"),
      options: LIBRARY,
    },
  ];
}
