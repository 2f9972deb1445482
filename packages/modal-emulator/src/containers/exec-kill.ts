import type Docker from "dockerode";
import { drain, inspectEngineExec, startEngineExec } from "./engine-exec.ts";

/** Marks a command that may have to be killed: the engine gives no number of its process in the container. */
const MARKER_VARIABLE = "MODAL_EMULATOR_EXEC";

/**
 * Kills the process whose parent is outside of the container, which is a command's own and not a child's,
 * and whose environment has the marker.
 */
const KILL_SCRIPT = `
for directory in /proc/[0-9]*; do
  if grep -q '^PPid:[[:space:]]*0$' "$directory/status" && grep -q "$1" "$directory/environ"; then
    kill -9 "\${directory#/proc/}" && exit 0
  fi
done 2>/dev/null
exit 1`;

/** The environment of a command that `killExec` can kill. */
export function markedEnvironment(
  env: Readonly<Record<string, string>>,
  marker: string,
): Record<string, string> {
  return { ...env, [MARKER_VARIABLE]: marker };
}

/**
 * Kills a command, not its children. Needs `sh` and `grep` in the container, since an engine has no way
 * to signal one command.
 * @throws Error when there is no such process, or no `sh`
 */
export async function killExec(
  docker: Docker,
  containerName: string,
  marker: string,
): Promise<void> {
  const { exec, socket } = await startEngineExec(docker, containerName, {
    AttachStdin: false,
    Cmd: ["sh", "-c", KILL_SCRIPT, "sh", `${MARKER_VARIABLE}=${marker}`],
    // To read the environment of another user's process takes more than root in a container has.
    User: "0",
    Privileged: true,
  });
  await drain(socket);
  const { exitCode } = await inspectEngineExec(exec);
  if (exitCode !== 0) throw new Error(`no process to kill, or no sh and grep (status ${exitCode})`);
}
