/** One of the two kinds of sandbox (SPEC-01.10). */
export interface Variant {
  /** Name of the variant, and of the image that it starts from. */
  readonly name: "parhelia-cpu" | "parhelia-gpu";
  /** CPU reservation in cores, unless `[sandbox] cpu` says otherwise. */
  readonly cpu: number;
  /** Memory reservation in MiB, unless `[sandbox] memory_mib` says otherwise. */
  readonly memoryMiB: number;
  readonly hasGpu: boolean;
}

/** General tasks, tests, builds. */
export const cpuVariant: Variant = {
  name: "parhelia-cpu",
  cpu: 4,
  memoryMiB: 16_384,
  hasGpu: false,
};

/** Inference, training, CUDA; ten to fifty times as expensive. */
export const gpuVariant: Variant = {
  name: "parhelia-gpu",
  cpu: 4,
  memoryMiB: 16_384,
  hasGpu: true,
};

/** Both, the cheaper one first. */
export const variants: readonly Variant[] = [cpuVariant, gpuVariant];

/** The variant that a session gets: the gpu variant exactly when a GPU was asked for. */
export function chooseVariant(gpu: string | undefined): Variant {
  return gpu === undefined ? cpuVariant : gpuVariant;
}
