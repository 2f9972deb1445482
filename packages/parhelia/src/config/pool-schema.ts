import * as z from "zod";
import { HOUR_MS, MINUTE_MS, SECOND_MS, parseDuration } from "../units.ts";
import { checked } from "./checked.ts";

const keep = checked(z.string(), (value) => {
  const durationMs = parseDuration(value);
  if (durationMs === undefined) return 'must be a duration such as "30m", "2h" or "1h30m"';
  if (durationMs % SECOND_MS !== 0) return "must be whole seconds";
  return durationMs < MINUTE_MS || durationMs > 23 * HOUR_MS
    ? "must be between 1m and 23h"
    : undefined;
});

/** The section `[pool]`: sandboxes that wait for a session (decision 0011). */
export const poolSection = z
  .strictObject({
    max: z.int().min(0, "must be at least 0").default(2).meta({
      description: "So many prepared sandboxes of yours may wait at once in the App.",
    }),
    keep: keep.default("1h").meta({
      description:
        "A prepared sandbox that no session has claimed for so long ends by itself. Modal lets a sandbox live for 24h: a session that asks for nearly all of that loses as much of it as its sandbox has waited.",
      unit: "duration (`m`, `h`)",
    }),
  })
  .prefault({})
  .meta({
    description:
      "Sandboxes that `parhelia pool fill` keeps ready, so that `parhelia up` need not wait for one ([starting fast](starting-fast.md)). Each costs as much as one with a session in it.",
  });
