import { eventually } from "./eventually.ts";
import type { Session } from "./shared-home.ts";

/** Where tests put the program of `mcp-server.ts` on the volume. */
export const MCP_SERVER_PATH = "/vol/parhelia/mcp-server.cjs";

/** What `mcp status` and the launcher's report say of a server. */
export interface ServerStatus {
  readonly name: string;
  readonly state: string;
  readonly tools: readonly string[] | null;
  readonly lastError: string | null;
  readonly remedy: string | null;
  readonly startupMs: number | null;
  readonly pid: number | null;
  readonly restarts: number;
}

/** A server over stdio with these tools. */
export const stdio = (...tools: readonly string[]) => ({
  command: "bun",
  args: [MCP_SERVER_PATH, "stdio", ...tools],
});

/** A server over HTTP with these tools, which the launcher runs. */
export const web = (port: number, ...tools: readonly string[]) => ({
  type: "http",
  url: `http://127.0.0.1:${port}/mcp`,
  command: "bun",
  args: [MCP_SERVER_PATH, "http", `${port}`, ...tools],
});
/** The launcher's own report. */
export async function reported(session: Session, name: string): Promise<ServerStatus> {
  const report = JSON.parse(await session.output(["cat", "/run/parhelia/mcp.json"])) as {
    servers: ServerStatus[];
  };
  const server = report.servers.find((each) => each.name === name);
  if (server === undefined) throw new Error(`no server ${name} in the report`);
  return server;
}

/** Waits until the launcher reports this state. */
export function becomes(session: Session, name: string, state: string): Promise<ServerStatus> {
  return eventually(`${name} ${state}`, 60_000, async () => {
    const server = await reported(session, name);
    return server.state === state ? server : undefined;
  });
}

/** Processes of the sandbox whose command line matches. */
export async function processes(session: Session, pattern: string): Promise<string[]> {
  const { stdout } = await session.exec(["pgrep", "-f", "-a", pattern]);
  return stdout.split("\n").filter((line) => line !== "");
}
