import { SANDBOX_USER } from "./protocol/paths.ts";

/** For good: a root that reads and writes in the user's directories would follow the user's links. */
export function becomeSandboxUser(): void {
  if (process.geteuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(SANDBOX_USER.gid);
  process.setuid?.(SANDBOX_USER.uid);
}
