import { expect, test } from "vitest";
import { compareViews, inPlace } from "./compare-views.ts";
import { viewOf } from "../../../../test/support/claude-view.ts";

test("what is alike is named, what is not has both values", () => {
  const here = viewOf({ skills: ["a", "b"], mcpServers: { own: "connected", web: "failed" } });
  const there = viewOf({ skills: ["b", "c"], mcpServers: { own: "failed", web: "failed" } });
  const { same, differences } = compareViews(here, there);
  expect(same).toMatchObject({
    skills: ["b"],
    mcpServers: ["web"],
    version: ["2.1.330"],
    agents: [],
  });
  expect(differences).toEqual([
    { aspect: "mcpServers", name: "own", here: "connected", there: "failed" },
    { aspect: "skills", name: "a", here: "", there: null },
    { aspect: "skills", name: "c", here: null, there: "" },
  ]);
});

test("memory files are compared by where they are on the volume, and a project's by its own paths", () => {
  const here = viewOf({
    cwd: "/home/me/project",
    memoryFiles: {
      "/home/me/.claude/CLAUDE.md": "See /home/me/.claude/x.md",
      "/home/me/project/docs/CLAUDE.md": "Project.",
    },
  });
  const there = viewOf({
    cwd: "/vol/w/session",
    memoryFiles: {
      "/vol/config/CLAUDE.md": "See /vol/config/x.md",
      "/vol/w/session/docs/CLAUDE.md": "Project.",
    },
  });
  const { same, differences } = compareViews(
    inPlace(here, { onVolume: (text) => text.replaceAll("/home/me/.claude", "/vol/config") }),
    inPlace(there, { onVolume: (text) => text }),
  );
  expect(differences).toEqual([]);
  expect(same.memoryFiles).toEqual(["/vol/config/CLAUDE.md", "docs/CLAUDE.md"]);
});
