import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import { findProject, identityOf } from "./find-project.ts";

describe("a project is the same, however its address is written", () => {
  test.each([
    "https://github.com/Owner/project",
    "https://github.com/Owner/project.git/",
    "https://user:password@GitHub.com/Owner/project.git",
    "git@github.com:Owner/project.git",
    "ssh://git@github.com:22/Owner/project",
    "git://github.com/Owner/project.git",
  ])("%s", (address) => {
    expect(identityOf(address)).toBe("github.com/Owner/project");
  });

  test("a path is one of this machine", () => {
    expect(identityOf("file:///srv/project.git")).toBe(`${hostname()}:/srv/project`);
    expect(identityOf("../project", "/home/ada/clone")).toBe(`${hostname()}:/home/ada/project`);
  });
});

describe("the choice of a project", () => {
  const none = { workspace: undefined, noWorkspace: false, repo: undefined };

  test("is none outside of a repository, and with --no-workspace", async () => {
    expect(await findProject("/", none)).toBeUndefined();
    expect(await findProject(import.meta.dirname, { ...none, noWorkspace: true })).toBeUndefined();
  });

  test("--repo is a URL with a ref, and no place for a password", async () => {
    const repo = "https://github.com/owner/project#v1";
    const found = await findProject("/", { ...none, repo });
    expect(found).toMatchObject({
      kind: "clone",
      url: "https://github.com/owner/project",
      ref: "v1",
    });
    expect(found?.project.hash).toMatch(/^p-[0-9a-f]{16}$/);
    const secret = { ...none, repo: "https://me:secret@github.com/owner/project" };
    await expect(findProject("/", secret)).rejects.toThrow(/has a user or a password in it/);
  });

  test("is refused where it says two things, or what is not there", async () => {
    const two = { ...none, noWorkspace: true, repo: "https://github.com/owner/project" };
    await expect(findProject("/", two)).rejects.toThrow("exclude one another");
    const missing = { ...none, workspace: "/no/such/place" };
    await expect(findProject("/", missing)).rejects.toThrow("no directory /no/such/place");
    await expect(findProject("/", { ...none, workspace: "/" })).rejects.toThrow(/no working tree/);
  });
});
