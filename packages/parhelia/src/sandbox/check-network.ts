import { UserError } from "../errors.ts";
import type { Target } from "../modal/connection.ts";
import type { ClaudeSandboxOptions } from "./sandbox-options.ts";

type Limits = Pick<ClaudeSandboxOptions, "network" | "proxiedApiKey">;

/**
 * Refuses, on this machine, limits on what a session may reach that the emulator does not enforce: it would
 * refuse them too, but only once an image is built.
 * @throws UserError that names the settings
 */
export function checkNetwork(target: Target, { network, proxiedApiKey }: Limits): void {
  if (target !== "local") return;
  const unenforced = [
    ...(network?.allowDomains === undefined ? [] : ["[network] allow_domains"]),
    ...(network?.allowCidrs === undefined ? [] : ["[network] allow_cidrs"]),
    ...(proxiedApiKey === undefined ? [] : ['[secrets] inject = "proxy"']),
  ];
  if (unenforced.length === 0) return;
  throw new UserError(
    `${unenforced.join(" and ")} cannot be enforced on this machine, and no session starts without`,
    {
      hint: "use --target modal, or leave it out; [network] block = true is enforced here, too (docs/emulator-differences.md)",
    },
  );
}
