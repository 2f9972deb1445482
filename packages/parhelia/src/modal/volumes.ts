import { NotFoundError } from "modal";
import { UserError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { Volume } from "./sandboxes.ts";

/**
 * A volume that exists.
 * @throws UserError when there is none of that name
 */
export async function requireVolume({ client }: Connection, name: string): Promise<Volume> {
  try {
    return await client.volumes.fromName(name);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new UserError(`there is no volume named ${name}, and so no checkpoint`, {
      hint: "parhelia config show says which volume is configured, and where",
      cause: error,
    });
  }
}
