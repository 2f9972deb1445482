import { expect, test } from "vitest";
import {
  HOUR_MS,
  MINUTE_MS,
  SECOND_MS,
  formatBytes,
  formatDuration,
  parseDuration,
} from "./units.ts";

test.each([
  ["850ms", 850],
  ["45s", 45 * SECOND_MS],
  ["90m", 90 * MINUTE_MS],
  ["24h", 24 * HOUR_MS],
  ["1h30m", 90 * MINUTE_MS],
  ["2.5h", 150 * MINUTE_MS],
  ["0s", 0],
])("%s is %i ms", (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});

test.each(["", "24", "h", "1d", "1 h", "-1h", "1h30", "1e3s", "1.h"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  [850, "850 ms"],
  [4_240, "4.2 s"],
  [200_000, "3 min 20 s"],
  [125 * MINUTE_MS, "2 h 5 min"],
])("%i ms reads %s", (durationMs, text) => {
  expect(formatDuration(durationMs)).toBe(text);
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1.0 kB"],
  [999_960, "1.0 MB"],
  [50_011_991, "50.0 MB"],
  [2_000_000_000_000, "2000.0 GB"],
])("%i bytes read %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
