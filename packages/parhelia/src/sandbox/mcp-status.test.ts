import { expect, test } from "vitest";
import { ImagePrograms } from "../layers/layer4-runtime-config/image-programs.ts";
import { remedyOf } from "./mcp-status.ts";

const programs = new ImagePrograms({ apt: [], pip: [] });
const remedy = (missingProgram: string | null) => remedyOf({ missingProgram }, programs);

test("a path that is not in the sandbox is named, with both ways to have its program there", () => {
  expect(remedy("/opt/tools/my-server")).toMatch(
    /^\/opt\/tools\/my-server does not exist there: .*brings my-server to apt or pip .*give "my-server" as "command"; or .* plugin, which parhelia sync carries$/,
  );
});

test("what a package brings is started by its name, since it comes elsewhere", () => {
  expect(remedy("/usr/local/bin/npx")).toMatch(/^add "nodejs", "npm" to apt .*without a directory/);
  expect(remedy("npx")).toMatch(/^add "nodejs", "npm" to apt .*: parhelia image build$/);
});

test("a name alone has no path to speak of", () => {
  expect(remedy("my-server")).toMatch(/^add the package that brings it/);
  expect(remedy(null)).toBeNull();
});
