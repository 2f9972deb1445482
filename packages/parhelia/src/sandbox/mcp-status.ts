import type { McpReport, McpServerReport } from "../../container/protocol/mcp-report.ts";
import { MCP_LAUNCHER_PROGRAM } from "../../container/protocol/paths.ts";
import { SystemError } from "../errors.ts";
import type { ImagePackages } from "../layers/layer4-runtime-config/image-programs.ts";
import { ImagePrograms } from "../layers/layer4-runtime-config/image-programs.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import { runInSandbox } from "./exec.ts";

/** A server's report, with what brings a missing program into the sandbox; null where none is missing. */
export interface McpServerStatus extends McpServerReport {
  readonly remedy: string | null;
}

/** The MCP servers of a sandbox as they are now. */
export interface McpStatus extends McpReport {
  readonly servers: readonly McpServerStatus[];
}

/**
 * Asks every configured MCP server of a sandbox now (decision D8), lazy ones too, all at the same time: it
 * takes as long as the slowest, and no longer than that one's deadline.
 * @param packages what the image is configured to have besides Parhelia's own
 * @throws SystemError when the sandbox has no MCP launcher that can do this
 */
export async function checkMcpServers(
  sandbox: Sandbox,
  packages: ImagePackages,
): Promise<McpStatus> {
  const { stdout, stderr, exitStatus } = await runInSandbox({ sandbox }, [
    MCP_LAUNCHER_PROGRAM,
    "status",
  ]);
  if (exitStatus !== 0) {
    throw new SystemError(
      `the sandbox's MCP launcher ended with status ${exitStatus}: ${stderr.trim() || "it says nothing"}`,
      { hint: "if the image is an old one: parhelia image build, and start the session again" },
    );
  }
  const report = JSON.parse(stdout) as McpReport;
  const programs = new ImagePrograms(packages);
  return {
    ...report,
    servers: report.servers.map((server) => ({ ...server, remedy: remedyOf(server, programs) })),
  };
}

/** Whether every configured server answered, and nothing else is wrong with the configuration. */
export function allAnswer({ state, servers }: McpStatus): boolean {
  return state !== "malformed" && servers.every((server) => server.state === "ready");
}

/** What brings a server's missing program into the sandbox; null where none is missing. */
export function remedyOf(
  { missingProgram }: Pick<McpServerReport, "missingProgram">,
  programs: ImagePrograms,
): string | null {
  if (missingProgram === null) return null;
  const program = missingProgram.slice(missingProgram.lastIndexOf("/") + 1);
  const found = programs.look(program);
  switch (found.state) {
    case "installable":
      return missingProgram === program
        ? found.how
        : `${found.how}, and give its name without a directory as "command"`;
    case "only-here":
      return `${found.why}, which a sandbox has not`;
    case "present":
      return missingProgram === program
        ? "the configured image has it: parhelia image build, and start the session again"
        : `the image has ${program} elsewhere: give its name without a directory as "command"`;
    case "unknown":
      if (missingProgram.startsWith("/")) return remedyOfPath(missingProgram, program);
      return "add the package that brings it to apt or pip under [image] in parhelia.toml, then: parhelia image build";
  }
}

/** A path of the user's machine says nothing of what brought the program there. */
function remedyOfPath(path: string, program: string): string {
  return `${path} does not exist there: add the package that brings ${program} to apt or pip under [image] in parhelia.toml, then: parhelia image build, and give "${program}" as "command"; or have the program in a plugin, which parhelia sync carries`;
}
