import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync, statfsSync } from "node:fs";
import { promisify } from "node:util";
import { VOLUME_ROOT } from "../../src/volume/layout.ts";
import type { DiskHealth, HealthResult, HealthTask, MountHealth } from "../protocol/health.ts";
import { HEALTH_PROGRAMS } from "../protocol/health.ts";
import type { McpReport } from "../protocol/mcp-report.ts";
import { MCP_LAUNCHER_PROGRAM, SANDBOX_USER } from "../protocol/paths.ts";

const PROGRAM_TIMEOUT_MS = 30_000;

/** Less than this is as good as nothing: a checkpoint would not fit. */
const LEAST_FREE_BYTES = 100 * 1024 * 1024;

/** Where sessions write. */
const DISKS = ["/", "/tmp", VOLUME_ROOT];

const run = promisify(execFile);

/**
 * The batch task `health`: mounts, disks, versions of programs, secrets by name, and every MCP server, asked
 * now. It changes nothing.
 */
export async function health({ task, variables = [] }: HealthTask): Promise<HealthResult> {
  const [versions, mcp] = await Promise.all([findVersions(), askMcpServers()]);
  const found = {
    mounts: [mountAt(VOLUME_ROOT)],
    disks: DISKS.map(diskAt),
    versions,
    variables: variables.map((name) => ({ name, present: Boolean(process.env[name]) })),
    mcp,
  };
  const problems = problemsOf(found);
  return { task, ok: problems.length === 0, problems, ...found };
}

type Found = Omit<HealthResult, "task" | "ok" | "problems">;

function problemsOf({ mounts, disks, versions, variables, mcp }: Found): string[] {
  return [
    ...mounts
      .filter(({ mounted }) => !mounted)
      .map(({ path }) => `no volume is mounted at ${path}`),
    ...mounts.filter(({ writable }) => !writable).map(({ path }) => `${path} cannot be written`),
    ...disks
      .filter(({ freeBytes }) => freeBytes < LEAST_FREE_BYTES)
      .map(({ path, freeBytes }) => `${path} has only ${freeBytes} bytes left`),
    ...HEALTH_PROGRAMS.filter((name) => versions[name] === null).map(
      (name) => `${name} does not start`,
    ),
    ...variables
      .filter(({ present }) => !present)
      .map(
        ({ name }) => `${name} is not set: its secret was not there at the deployment, or start`,
      ),
    ...mcpProblems(mcp),
  ];
}

function mcpProblems(mcp: McpReport | null): string[] {
  if (mcp === null) return ["the MCP launcher did not report"];
  return [
    ...mcp.problems.map((problem) => `${mcp.source} ${problem}`),
    ...mcp.servers
      .filter(({ state }) => state !== "ready")
      .map(({ name, state, lastError }) => `MCP server ${name}: ${lastError ?? state}`),
  ];
}

function mountAt(path: string): MountHealth {
  const lines = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const fields = lines.map((line) => line.split(" ")).find(([, place]) => place === path);
  return {
    path,
    mounted: fields !== undefined,
    fileSystem: fields?.[2] ?? null,
    writable: isWritable(path),
  };
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function diskAt(path: string): DiskHealth {
  const { bsize, blocks, bavail } = statfsSync(path);
  return { path, totalBytes: bsize * blocks, freeBytes: bsize * bavail };
}

async function findVersions(): Promise<HealthResult["versions"]> {
  const versions = await Promise.all(
    HEALTH_PROGRAMS.map(async (name) => {
      const output = await outputOf(name, [name === "tmux" ? "-V" : "--version"]);
      return [name, /\d+(\.\w+)+/.exec(output ?? "")?.[0] ?? null] as const;
    }),
  );
  return Object.fromEntries(versions) as HealthResult["versions"];
}

/** Each server has a deadline of its own. */
async function askMcpServers(): Promise<McpReport | null> {
  const output = await outputOf(MCP_LAUNCHER_PROGRAM, ["status"], 0);
  if (output === undefined) return null;
  return JSON.parse(output) as McpReport;
}

/** What a program prints, run as the sandbox's user; undefined where it fails. */
async function outputOf(
  program: string,
  args: readonly string[],
  timeout = PROGRAM_TIMEOUT_MS,
): Promise<string | undefined> {
  const { uid, gid, home, name } = SANDBOX_USER;
  const env = { ...process.env, HOME: home, USER: name };
  try {
    const { stdout } = await run(program, args, { uid, gid, env, timeout, cwd: "/" });
    return stdout;
  } catch {
    return undefined;
  }
}
