import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SystemError } from "../errors.ts";

/**
 * Where this package lies: the nearest folder with a package.json, the same from src/layers, dist and dist/cli.
 * @throws SystemError where there is none
 */
export function packageRoot(): string {
  const from = dirname(fileURLToPath(import.meta.url));
  let directory = from;
  while (!existsSync(join(directory, "package.json"))) {
    const parent = dirname(directory);
    if (parent === directory) {
      throw new SystemError(`no package.json above ${from}`, { hint: "npm install parhelia" });
    }
    directory = parent;
  }
  return directory;
}
