/**
 * `npm run build`, also npm's `prepare`: bundles the sandbox's own program, the command line, the two
 * libraries and the emulator into packages/*\/dist. An entry point that does not exist is named and
 * passed over; one that does not build fails the command, after the others are built.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Bundle } from "./bundles.ts";
import { allBundles } from "./bundles.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const parhelia = join(root, "packages/parhelia");
const emulator = join(root, "packages/modal-emulator");

/** Every file of this build. */
const built = new Set<string>();

async function bundle({ entries, outdir, options }: Bundle): Promise<void> {
  const entryPoints = entries.filter((entry) => existsSync(entry));
  for (const entry of entries) {
    if (!existsSync(entry)) say(`not there, passed over: ${relative(root, entry)}`);
  }
  if (entryPoints.length === 0) return;
  const { metafile } = await build({
    ...options,
    entryPoints,
    outdir,
    absWorkingDir: root,
    metafile: true,
  });
  for (const [path, { bytes, entryPoint }] of Object.entries(metafile.outputs)) {
    built.add(join(root, path));
    if (entryPoint !== undefined && entryPoints.includes(join(root, entryPoint))) {
      say(`${path} ${Math.ceil(bytes / 1024)} KiB`);
    }
  }
}

/** What lies in the image beside the bundle. */
const CONTAINER_FILES = [
  "entrypoint.sh",
  "git/git-credential-parhelia",
  "git/gitconfig",
  "parhelia-container",
  "parhelia-exec",
  "parhelia-mcp-launcher",
  "parhelia-metrics",
  "terminal/parhelia-attach",
  "terminal/parhelia-terminal",
  "tmux.conf",
];

/** Into dist/container, one beside the other. */
async function copyContainerFiles(): Promise<void> {
  const outdir = join(parhelia, "dist/container");
  await mkdir(outdir, { recursive: true });
  for (const path of CONTAINER_FILES) {
    const copy = join(outdir, basename(path));
    await copyFile(join(parhelia, "container", path), copy);
    built.add(copy);
  }
}

/** The libraries' declarations, one file a source file, into each package's dist/types. */
async function declareTypes(): Promise<void> {
  const made = await mkdtemp(join(tmpdir(), "parhelia-types-"));
  try {
    const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
    const compiler = spawnSync(
      process.execPath,
      [tsc, "-p", join(root, "tsconfig.declarations.json"), "--outDir", made, "--pretty", "false"],
      { cwd: root, encoding: "utf8" },
    );
    for (const packageDir of [parhelia, emulator]) {
      const types = join(packageDir, "dist/types");
      await rm(types, { recursive: true, force: true });
      const declarations = join(made, basename(packageDir));
      if (existsSync(declarations)) await cp(declarations, types, { recursive: true });
      built.add(types);
    }
    if (compiler.status !== 0) throw new Error(compiler.stdout.trimEnd());
  } finally {
    await rm(made, { recursive: true });
  }
}

/** Removes what an earlier build made and this one did not, such as chunks under other names. */
async function removeStale(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (built.has(path)) continue;
    if (entry.isDirectory()) await removeStale(path);
    else await rm(path);
  }
}

function say(line: string): void {
  process.stdout.write(`build: ${line}\n`);
}

const results = await Promise.allSettled([
  copyContainerFiles(),
  ...allBundles(root).map(bundle),
  declareTypes(),
]);
for (const result of results) {
  if (result.status === "fulfilled") continue;
  process.exitCode = 1;
  say(`FAILED: ${result.reason instanceof Error ? result.reason.message : String(result.reason)}`);
}
for (const packageDir of [parhelia, emulator]) {
  if (existsSync(join(packageDir, "dist"))) await removeStale(join(packageDir, "dist"));
}
