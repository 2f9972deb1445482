/** Tags of Parhelia's sandboxes: what a list is searched by. */

/** Name of the session that the sandbox is. */
export const SESSION_TAG = "parhelia-session";

/** `USER@HOST` that started it. */
export const OWNER_TAG = "parhelia-owner";

/** Of a sandbox that waits for a session: what it was made with, as a digest (decision 0011). */
export const POOL_TAG = "parhelia-pool";

/** `parhelia-cpu` or `parhelia-gpu`. */
export const VARIANT_TAG = "parhelia-variant";

/** Identifier of the published image that it goes back to, also where it was made from a snapshot. */
export const IMAGE_TAG = "parhelia-image";

/** ISO time: when the session's time is over; of a prepared sandbox, when it no longer waits. */
export const EXPIRES_TAG = "parhelia-expires-at";
