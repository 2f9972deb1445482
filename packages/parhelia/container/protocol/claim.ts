/**
 * How a session gets a prepared sandbox (decision 0011): `parhelia-container claim`, an exec as root, takes it or
 * ends with `CLAIM_TAKEN`. It prints `CLAIMED_LINE`, reads the session's variables as one line of JSON, hands
 * them to init, and ends with status 0 when the session is ready.
 */

/** Until when a prepared sandbox waits for a session, as ISO time; what makes it a prepared one. */
export const CLAIM_BY_VARIABLE = "PARHELIA_CLAIM_BY";

/** Exit status of a claim that came too late. */
export const CLAIM_TAKEN = 3;

/** Printed once the sandbox is the claim's own. */
export const CLAIMED_LINE = "claimed";

/** How long the host may take to say which session it is, in ms; then the sandbox ends. */
export const CLAIM_PATIENCE_MS = 60_000;

/** What init prints when its sandbox gets a session; its own steps follow. */
export const SESSION_BEGINS_LINE = "parhelia-init begins the session that claimed this sandbox";
