/** What the host and `parhelia-container end-session` agree on. */

/** The line that the host writes once it has seen the session's checkpoint on the volume. */
export const END_ORDER = "end";

/** How long the order is waited for; the session then goes on. */
export const END_PATIENCE_MS = 60_000;
