import type { ContainerProgram } from "./container-program.ts";
import { readContainerProgram } from "./container-program.ts";
import type { ImageLock, ImagePlan } from "./image-plan.ts";
import {
  BASE_IMAGE,
  baseOsLayer,
  cudaLayer,
  extraPackagesLayer,
  type CudaPackages,
} from "./layer1-base-os.ts";
import { bunLayer, claudeCodeLayer, programLayer, servicesLayer } from "./layer2-claude-code.ts";

/** What decides the contents of an image. */
export interface ImageChoices {
  /** Debian packages besides Parhelia's own (`[image] apt`). */
  readonly apt: readonly string[];
  /** Python packages (`[image] pip`). */
  readonly pip: readonly string[];
  /** The CUDA layer of the variant `parhelia-gpu`; the variant `parhelia-cpu` has none. */
  readonly cuda?: CudaPackages | undefined;
  readonly lock: ImageLock;
  /** The sandbox's own program. Default: the one that this package was built with. */
  readonly program?: ContainerProgram;
}

/**
 * A variant's image (SPEC-01.10, SPEC-01.11): layers 1 and 2 of the specification, and the CUDA layer below
 * what changes more often than its gigabytes. Equal choices give equal commands. The image's user stays
 * root: init drops to user `parhelia`.
 * @throws SystemError when `program` is not given and this package has not been built.
 */
export function planImage(choices: ImageChoices): ImagePlan {
  const extra = extraPackagesLayer(choices);
  const cuda = choices.cuda === undefined ? null : cudaLayer(choices.cuda);
  const program = choices.program ?? readContainerProgram();
  return {
    base: BASE_IMAGE,
    layers: [
      baseOsLayer(),
      ...(extra === null ? [] : [extra]),
      ...(cuda === null ? [] : [cuda]),
      bunLayer(choices.lock.bun),
      claudeCodeLayer(choices.lock.claudeCode),
      servicesLayer(program),
      programLayer(program),
    ],
  };
}
