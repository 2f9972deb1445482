import { expect, test } from "vitest";
import { createMetrics } from "../../packages/parhelia/container/metrics/registry.ts";
import { readText } from "./tree.ts";

interface Dashboard {
  readonly panels: readonly { title: string; targets: readonly { expr: string }[] }[];
}

const dashboard = JSON.parse(readText("docs/grafana/parhelia.json")) as Dashboard;
const names = createMetrics({})
  .registry.getMetricsAsArray()
  .map(({ name }) => name)
  .sort();

function namesIn(text: string): string[] {
  return [...new Set(text.match(/parhelia_[a-z_]+/g) ?? [])].sort();
}

test("every panel of the Grafana dashboard asks for metrics that there are", () => {
  for (const { title, targets } of dashboard.panels) {
    const asked = namesIn(targets.map(({ expr }) => expr).join(" "));
    expect(asked, title).not.toEqual([]);
    expect(names, title).toEqual(expect.arrayContaining(asked));
  }
});

test("docs/metrics.md explains every metric", () => {
  expect(namesIn(readText("docs/metrics.md"))).toEqual(names);
});
