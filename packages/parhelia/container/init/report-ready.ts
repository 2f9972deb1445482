import { rmSync } from "node:fs";
import { READY_MARKER_FILE, READY_MARKER_TEXT } from "../protocol/paths.ts";
import { writeFileAtomically } from "../write-file.ts";

/** A marker from before a restart would call an unready sandbox ready. */
export function removeReadyMarker(): void {
  rmSync(READY_MARKER_FILE, { force: true, recursive: true });
}

/** SPEC-01.13 step 5. */
export function reportReady(): void {
  writeReadyMarker(READY_MARKER_TEXT);
}

/** Whoever waits for the sandbox sees the whole marker or none. */
export function writeReadyMarker(text: string): void {
  writeFileAtomically(READY_MARKER_FILE, `${text}\n`, { mode: 0o644 });
}
