import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";
import type { Bundle } from "../../../scripts/bundles.ts";
import {
  batchBundle,
  checkpointBundle,
  containerBundle,
  mcpLauncherBundle,
  metricsBundle,
  workspaceBundle,
} from "../../../scripts/bundles.ts";
import * as paths from "./protocol/paths.ts";

const container = dirname(fileURLToPath(import.meta.url));

async function bundleOf({ entries, outdir, options }: Bundle): Promise<string> {
  const { outputFiles } = await build({
    ...options,
    entryPoints: [...entries],
    outdir,
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

test("D4: the program's bundle is small, and the same from any folder", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "parhelia-bundle-"));
  try {
    for (const part of ["container", "src/volume", "package.json"]) {
      cpSync(join(container, "..", part), join(elsewhere, "packages/parhelia", part), {
        recursive: true,
      });
    }
    const bundle = await bundleOf(containerBundle(elsewhere));
    expect(bundle).toBe(await bundleOf(containerBundle(join(container, "../../.."))));
    expect(bundle).toMatch(/^\/\/ @bun @bun-cjs\n/);
    expect(bundle).not.toContain(elsewhere);
    expect(Buffer.byteLength(bundle)).toBeLessThan(45 * 1024);
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});

test.each([
  ["checkpoints", checkpointBundle],
  ["workspaces", workspaceBundle],
  ["batch tasks", batchBundle],
])("D4: what is about %s is a small bundle of its own", async (_, partOf) => {
  const bundle = await bundleOf(partOf(join(container, "../../..")));
  expect(bundle).toMatch(/^\/\/ @bun @bun-cjs\n/);
  expect(bundle).not.toContain(join(container, "../../.."));
  expect(Buffer.byteLength(bundle)).toBeLessThan(45 * 1024);
});

test("D4: the MCP launcher is a bundle of its own, which Bun takes as it is", async () => {
  const bundle = await bundleOf(mcpLauncherBundle(join(container, "../../..")));
  expect(bundle).toMatch(/^\/\/ @bun\n/);
  expect(bundle).not.toContain(join(container, "../../.."));
  expect(Buffer.byteLength(bundle)).toBeLessThan(500 * 1024);
});

test("D4: the metrics are a bundle of their own, which Bun takes as it is", async () => {
  const bundle = await bundleOf(metricsBundle(join(container, "../../..")));
  expect(bundle).toMatch(/^\/\/ @bun @bun-cjs\n/);
  expect(bundle).not.toContain(join(container, "../../.."));
  expect(Buffer.byteLength(bundle)).toBeLessThan(100 * 1024);
});

test("the scripts spell the same paths as the program", () => {
  const script = (name: string) => readFileSync(join(container, name), "utf8");
  expect(script("entrypoint.sh")).toContain(` ${paths.CONTAINER_PROGRAM} init\n`);
  expect(script("parhelia-container")).toContain(` ${paths.CONTAINER_BUNDLE} "$@"\n`);
  expect(script("parhelia-mcp-launcher")).toContain(` ${paths.MCP_LAUNCHER_BUNDLE} "$@"\n`);
  expect(script("parhelia-metrics")).toContain(` ${paths.METRICS_BUNDLE} "$@"\n`);
  expect(script("parhelia-exec")).toContain(`\nrun_dir=${paths.RUN_DIR}\n`);
  expect(paths.SESSION_ENV_FILE).toBe(`${paths.RUN_DIR}/session.env`);
  expect(paths.EXEC_DIR).toBe(`${paths.RUN_DIR}/exec`);
  const { uid, gid } = paths.SANDBOX_USER;
  expect(script("parhelia-exec")).toContain(`--reuid=${uid} --regid=${gid} `);
});
