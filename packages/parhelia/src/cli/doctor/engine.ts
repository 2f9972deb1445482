import { checkLocalEngine } from "../../modal/local.ts";
import { failure, ok } from "./check.ts";
import type { Check } from "./check.ts";

const MEND =
  "install and start one (on Debian: sudo apt-get install docker.io), or set DOCKER_HOST to one that answers";

/** The container engine that sandboxes on this machine run in; each place that was tried is named. */
export async function checkEngine(): Promise<Check> {
  const candidates = await checkLocalEngine();
  const found = candidates.find(({ reachable }) => reachable);
  if (found !== undefined) {
    return ok("engine", `${found.source} ${found.address}: ${found.detail}`);
  }
  const tried = candidates.map(({ source, address, detail }) => `${source} ${address}: ${detail}`);
  return failure("engine", ["no container engine answers", ...tried].join("\n"), MEND);
}
