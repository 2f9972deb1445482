/**
 * What init saw when it last looked for activity. Both times are of the sandbox's clock: their difference is how
 * long nothing has happened.
 */
export interface Activity {
  readonly lookedAtMs: number;
  readonly activeAtMs: number;
}
