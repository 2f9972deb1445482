import { SystemError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { Volume } from "./sandboxes.ts";

const NOT_FOUND = 5;

/**
 * A file of a volume, read without a sandbox; undefined where there is none. As everyone sees it who mounts
 * the volume now: what a sandbox has written and not committed is not in it.
 *
 * @param path from the volume's root, without a slash before it
 * @throws SystemError when the file changed while it was read, or its storage does not answer
 */
export async function readVolumeFile(
  connection: Connection,
  volume: Volume,
  path: string,
): Promise<Buffer | undefined> {
  const urls = await findVolumeFile(connection, volume, path);
  if (urls === undefined) return undefined;
  return Buffer.concat(await Promise.all(urls.map((url) => download(url, path))));
}

/** Whether a volume has a file. */
export async function hasVolumeFile(
  connection: Connection,
  volume: Volume,
  path: string,
): Promise<boolean> {
  return (await findVolumeFile(connection, volume, path)) !== undefined;
}

/** The addresses of a file's blocks. */
async function findVolumeFile(
  { client }: Connection,
  { volumeId }: Volume,
  path: string,
): Promise<readonly string[] | undefined> {
  try {
    const { getUrls } = await client.cpClient.volumeGetFile2({ volumeId, path });
    return getUrls;
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_FOUND) return undefined;
    throw error;
  }
}

async function download(url: string, path: string): Promise<Buffer> {
  try {
    const response = await fetch(url);
    if (response.ok) return Buffer.from(await response.arrayBuffer());
    throw new Error(`HTTP status ${response.status}`);
  } catch (error) {
    // The address is as good as a password: it is not shown.
    throw new SystemError(
      `${path} could not be read from the volume: ${error instanceof Error ? error.message : String(error)}`,
      { hint: "try again", cause: error },
    );
  }
}
