/**
 * What init says when a session is to begin under the name of one that can be resumed: it would otherwise put
 * its own checkpoints in front of that one's.
 */
const PHRASE = "the volume has a checkpoint of session";

/** The message, for a checkpoint's id. */
export function existingCheckpoint(session: string, id: string): string {
  return `${PHRASE} ${session}: ${id}`;
}

/** The id in a message; undefined where there is none in the text. */
export function readExistingCheckpoint(text: string): string | undefined {
  return new RegExp(`${PHRASE} \\S+: (\\S+)`).exec(text)?.[1];
}
