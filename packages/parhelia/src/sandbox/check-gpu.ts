import { readGpu } from "../config/gpu.ts";
import { UserError } from "../errors.ts";
import { logLine } from "../log.ts";
import type { Target } from "../modal/connection.ts";
import { lackingLocalGpu } from "../modal/local.ts";

/**
 * The GPU that was asked for, as Modal takes it (SPEC-01.10). On this machine it is looked for first: an
 * image is gigabytes, and would be built for nothing.
 * @throws UserError for a type that is mistyped, and for a machine that can give no sandbox a GPU
 */
export async function checkGpu(target: Target, text: string): Promise<string> {
  const { gpu, warning } = readGpu(text);
  if (warning !== undefined) logLine(`warning: ${warning}`);
  const lacking = target === "local" ? await lackingLocalGpu() : undefined;
  if (lacking === undefined) return gpu;
  throw new UserError(lacking, {
    hint: "leave --gpu out, use --target modal, or install the NVIDIA Container Toolkit on a machine with a GPU",
  });
}
