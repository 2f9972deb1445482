import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runGit, type GitPlace } from "./run-git.ts";

/** Has precedence over all other attributes, and takes away what would convert a file. */
const NO_CONVERSION = "* -text !eol -crlf -ident -filter !working-tree-encoding\n";

/**
 * Writes files to a directory as their objects are, byte for byte.
 * @param tree what is written, or, with `paths` (Latin-1), is chosen from
 * @param scratch an empty directory for Git's use
 * @throws GitFailure when a file cannot be written
 */
export async function writeFiles(
  objects: string,
  objectFormat: string,
  tree: string,
  into: string,
  scratch: string,
  paths?: readonly string[],
): Promise<void> {
  const gitDir = join(scratch, "checkout.git");
  const init = ["init", "--quiet", "--bare", "--template=", `--object-format=${objectFormat}`];
  await runGit({ directory: scratch }, [...init, gitDir]);
  try {
    mkdirSync(join(gitDir, "info"), { recursive: true });
    writeFileSync(join(gitDir, "info/attributes"), NO_CONVERSION);
    writeFileSync(join(gitDir, "objects/info/alternates"), `${JSON.stringify(objects)}\n`);
    const place: GitPlace = {
      directory: into,
      env: { GIT_DIR: gitDir, GIT_WORK_TREE: into },
    };
    await runGit(place, ["read-tree", tree]);
    const plain = ["core.autocrlf=false", "core.symlinks=true", "core.fileMode=true"];
    const args = [...plain.flatMap((setting) => ["-c", setting]), "checkout-index", "--force"];
    if (paths === undefined) await runGit(place, [...args, "--all"]);
    else {
      const input = paths.map((path) => `${path}\0`).join("");
      await runGit(place, [...args, "-z", "--stdin"], input);
    }
  } finally {
    rmSync(gitDir, { recursive: true, force: true });
  }
}
