import type { Connection } from "../modal/connection.ts";
import { listSandboxes, type App, type RunningSandbox } from "../modal/sandboxes.ts";
import { OWNER_TAG } from "../modal/tags.ts";
import { thisOwner } from "./orphans.ts";

/** Modal's pages are longer, all but the last one. */
const LEAST_PAGE = 20;

/**
 * This owner's sandboxes in the App, newest first. Asked for by owner in all Apps, so that the request need not
 * wait for the App's identifier; Modal discourages that, so one that is refused is asked again for the App alone.
 */
export async function listOwnSandboxes(
  connection: Connection,
  appFound: Promise<App>,
): Promise<RunningSandbox[]> {
  const query = { tags: { [OWNER_TAG]: thisOwner() }, leastPage: LEAST_PAGE };
  const inAllApps = listSandboxes(connection, undefined, query);
  const owned = await inAllApps.catch(async () => listSandboxes(connection, await appFound, query));
  const { appId } = await appFound;
  return owned.filter((sandbox) => sandbox.appId === appId);
}
