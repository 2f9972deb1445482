import { describe, expect, test } from "vitest";
import { useSession, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const session = useSession(home, "ac7");

describe("SPEC-01.AC7, SPEC-01.13 step 4: the tmux session of a sandbox that is ready", () => {
  test("is named main, and the same user finds it", async () => {
    expect((await session.exec(["tmux", "has-session", "-t", "main"])).exitStatus).toBe(0);
    expect(await session.output(["tmux", "list-sessions", "-F", "#{session_name}"])).toBe("main");
    expect((await session.exec(["tmux", "has-session", "-t", "=other"])).exitStatus).toBe(1);
  });

  test("stands in the session's own directory in the volume's workspaces", async () => {
    const place = ["tmux", "display-message", "-p", "-t", "main", "#{pane_current_path}"];
    expect(await session.output(place)).toBe(`/vol/parhelia/workspaces/${session.name}`);
  });

  test("takes keys, as user parhelia, and what they start runs on without an exec", async () => {
    const keys = "id -un > /tmp/ac7; tmux wait-for -S ac7-done";
    await session.output(["tmux", "send-keys", "-t", "main", keys, "Enter"]);
    await session.output(["timeout", "20", "tmux", "wait-for", "ac7-done"]);
    expect(await session.output(["cat", "/tmp/ac7"])).toBe("parhelia");
  });

  test("can be attached to from a terminal", async () => {
    const attach = ["tmux", "attach-session", "-t", "main", ";", "detach-client"];
    const { exitStatus, stdout } = await home.run([
      ...["exec", "--tty", session.name, "--"],
      ...attach,
    ]);
    expect(stdout).toContain("[detached (from session main)]");
    expect(exitStatus).toBe(0);
  });

  test("belongs to a server that root's commands do not share", async () => {
    const asRoot = await home.run(["exec", "--root", session.name, "--", "tmux", "ls"]);
    expect(asRoot.exitStatus).toBe(1);
  });
});
