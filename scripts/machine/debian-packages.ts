import { existsSync, readFileSync } from "node:fs";
import { runCommand } from "./commands.ts";

/** Debian's engine; `iptables` is what it needs for its network. Its `tini` is the sandboxes' init. */
export const ENGINE_PACKAGES: readonly string[] = ["docker.io", "iptables"];

/** Makes the base image from Debian's packages, where no image registry answers. */
export const BASE_IMAGE_PACKAGE = "mmdebstrap";

/** Whether this machine has Debian's packages: Debian itself, Ubuntu, or one made from them. */
export function hasDebianPackages(): boolean {
  return existsSync("/etc/debian_version") && existsSync("/usr/bin/apt-get");
}

/** `Debian GNU/Linux 12 (bookworm)`, or the platform where nothing better is known. */
export function systemName(): string {
  try {
    const release = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(release)?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}

/** Installs packages without asking anything. @throws CommandError with the end of apt's output */
export async function installPackages(
  packages: readonly string[],
  asRoot: readonly string[],
): Promise<void> {
  // Through `env`, since sudo does not pass the environment on.
  const apt = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
  await runCommand([...apt, "update"]);
  await runCommand([...apt, "install", "-y", "--no-install-recommends", ...packages]);
}
