import { join } from "node:path";
import { build } from "esbuild";

/** The test's MCP server with the SDK in one file, for the sandbox's Bun. */
export async function bundleMcpServer(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "mcp-server.ts")],
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "esnext",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}
