import { expect, test } from "vitest";
import { metricsPort } from "./settings.ts";

test("the endpoint is on where remote.env says so, at its port", () => {
  expect(metricsPort({})).toBeUndefined();
  expect(metricsPort({ PARHELIA_METRICS_ENABLED: "false" })).toBeUndefined();
  expect(metricsPort({ PARHELIA_METRICS_ENABLED: "true", PARHELIA_METRICS_PORT: "9191" })).toBe(
    9191,
  );
  expect(metricsPort({ PARHELIA_METRICS_ENABLED: "1", PARHELIA_METRICS_PORT: "http" })).toBe(9090);
  expect(metricsPort({ PARHELIA_METRICS_ENABLED: "on", PARHELIA_METRICS_PORT: "70000" })).toBe(
    9090,
  );
});
