import { describe, expect, test } from "vitest";
import { commands } from "../../packages/parhelia/src/cli/commands.ts";
import { readText } from "./tree.ts";

const workflow = readText(".github/workflows/image-rebuild.yml");

describe("SPEC-01.11a: the workflow that rebuilds the images", () => {
  test("runs on Sundays at 06:00 UTC, and by hand", () => {
    expect(workflow).toMatch(/^ {2}schedule:\n {4}- cron: "0 6 \* \* 0"/m);
    expect(workflow).toMatch(/^ {2}workflow_dispatch:/m);
  });

  test("needs Node and nothing else, by actions that exist", () => {
    const actions = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
    expect(actions).toEqual(["actions/checkout@v4", "actions/setup-node@v4"]);
    expect(workflow).not.toMatch(/pip install|python/i);
  });

  test("calls commands that Parhelia has, on Modal", () => {
    const called = [...workflow.matchAll(/bin\/parhelia (.+?) --target modal$/gm)];
    const names = called.map(([, name]) => name);
    expect(names).toEqual(["image release", "image prune"]);
    const known = commands.map(({ name }) => name);
    expect(known).toEqual(expect.arrayContaining(names));
  });

  test("gives Modal's credentials only to the steps that need them", () => {
    const steps = workflow.split(/^ {6}- /m).slice(1);
    const withToken = steps.filter((step) => step.includes("MODAL_TOKEN_SECRET"));
    expect(withToken.every((step) => step.includes("--target modal"))).toBe(true);
    expect(withToken).toHaveLength(2);
  });
});
