import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONFIG_FILE_NAME } from "../../config/config-file.ts";
import { configTemplate } from "../../config/toml-text.ts";
import { SystemError, UserError } from "../../errors.ts";
import type { CommandContext } from "../command.ts";

/**
 * `parhelia init`: writes a commented `parhelia.toml` into the working directory.
 *
 * @throws UserError when there is one already; it is never overwritten.
 */
// eslint-disable-next-line @typescript-eslint/require-await -- every command is asynchronous
export async function run(context: CommandContext): Promise<number> {
  const path = join(context.cwd, CONFIG_FILE_NAME);
  try {
    writeFileSync(path, configTemplate(), { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      throw new UserError(`${path} is there already`, {
        hint: "edit it, or move it away first; parhelia config show prints what is in effect",
      });
    }
    throw new SystemError(`cannot write ${path}: ${String(error)}`, {
      hint: "go to a directory that you may write to",
      cause: error,
    });
  }
  context.print(`wrote ${path}; next: parhelia up`);
  return 0;
}
