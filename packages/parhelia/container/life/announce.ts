import type { Environment } from "../init/session-environment.ts";
import { askTmux } from "./ask-tmux.ts";

/** How long those who are attached see it over their own line. */
const SHOWN_MS = "10000";

/** Says something at every terminal that shows the session, and in its status line from then on. */
export async function announce(message: string, environment: Environment): Promise<void> {
  await askTmux(["set-option", "-g", "status-right-length", `${message.length + 2}`], environment);
  await askTmux(["set-option", "-g", "status-right", ` ${message} `], environment);
  const clients = await askTmux(["list-clients", "-F", "#{client_name}"], environment);
  for (const client of clients) {
    await askTmux(["display-message", "-d", SHOWN_MS, "-c", client, message], environment);
  }
}
