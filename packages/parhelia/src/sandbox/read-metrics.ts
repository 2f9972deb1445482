import { METRICS_PROGRAM } from "../../container/protocol/paths.ts";
import { SystemError } from "../errors.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import { runInSandbox } from "./exec.ts";

/**
 * A sandbox's metrics (SPEC-01 "Remote Environment Config"): those of its endpoint, with Claude Code's turns and
 * their cost; where `remote.env` turns the endpoint off, what can be read without it.
 *
 * @returns Prometheus' text format, or the same as JSON
 * @throws SystemError when the sandbox's image is older than that
 */
export async function readMetrics(
  sandbox: Sandbox,
  { json }: { readonly json: boolean },
): Promise<string> {
  const command = [METRICS_PROGRAM, "print", ...(json ? ["--json"] : [])];
  const { stdout, stderr, exitStatus } = await runInSandbox({ sandbox }, command);
  if (exitStatus === 0) return stdout;
  throw new SystemError(
    `the sandbox's metrics ended with status ${exitStatus}: ${stderr.trim() || "it says nothing"}`,
    { hint: "if the image is an old one: parhelia image build, and start the session again" },
  );
}
