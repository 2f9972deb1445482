/**
 * `parhelia-mcp-launcher`: a bundle of its own, since the MCP SDK is many times larger than the rest of the
 * sandbox's program, which has to start fast.
 */
import { runMcpLauncher } from "./launcher.ts";

const [subcommand, ...rest] = process.argv.slice(2);
if (subcommand === undefined) {
  await runMcpLauncher();
} else if (subcommand === "status" && rest.length === 0) {
  const { printStatus } = await import("./status.ts");
  await printStatus();
  // Connections that a check gave up may still be open.
  process.exit();
} else {
  process.stderr.write("usage: parhelia-mcp-launcher [status]\n");
  process.exitCode = 2;
}
