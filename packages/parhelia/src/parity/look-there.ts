import type { Sandbox } from "../modal/sandboxes.ts";
import { runInSandbox } from "../sandbox/exec.ts";
import { reachBaseUrl, type ReachableEnvironment } from "../sandbox/reach-base-url.ts";
import { readView, type ClaudeView } from "./claude-view.ts";
import { noView } from "./look-here.ts";
import { ACCOUNT_VARIABLES, probe } from "./probe.ts";
import { say, startScriptedMessagesApi } from "./scripted-messages-api.ts";

/**
 * Starts the Claude Code of a sandbox once, in the session's environment.
 * @param serversTimeoutMs how long MCP servers are waited for
 * @param cwd absolute; default: the session's workspace
 * @throws SystemError when it ends without a first event, or does not end
 */
export async function lookThere(
  sandbox: Sandbox,
  serversTimeoutMs: number,
  cwd?: string,
): Promise<ClaudeView> {
  const api = await startScriptedMessagesApi({ turns: [say("Parity.")] });
  let reachable: ReachableEnvironment | undefined;
  try {
    reachable = await reachBaseUrl(sandbox, { ANTHROPIC_BASE_URL: api.url });
    const baseUrl = reachable.env["ANTHROPIC_BASE_URL"] ?? api.url;
    const { args, env, timeoutMs } = probe(baseUrl, serversTimeoutMs);
    const deadline = ["timeout", "--signal", "KILL", `${timeoutMs / 1_000}`];
    const noAccount = ["env", ...ACCOUNT_VARIABLES.flatMap((name) => ["-u", name])];
    const ended = await runInSandbox({ sandbox }, [...deadline, ...noAccount, "claude", ...args], {
      env,
      cwd,
    });
    const view = readView(ended.stdout, api.mainRequests[0]?.body);
    if (view !== undefined) return view;
    throw noView("the sandbox", "claude", { ...ended, status: `status ${ended.exitStatus}` });
  } finally {
    await reachable?.close();
    await api.close();
  }
}
