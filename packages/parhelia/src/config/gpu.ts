import { closest, distance } from "fastest-levenshtein";
import { UserError } from "../errors.ts";

/** Modal's GPU types (SPEC-01.10); `A10G` is the specification's word for `A10`. */
export const GPU_TYPES = [
  "T4",
  "L4",
  "A10",
  "A10G",
  "L40S",
  "A100",
  "A100-40GB",
  "A100-80GB",
  "RTX-PRO-6000",
  "H100",
  "H100!",
  "H200",
  "B200",
  "B200+",
  "B300",
] as const;

/** The most GPUs that a sandbox can have on Modal. */
const MAX_COUNT = 8;

/** A GPU that was asked for. */
export interface GpuChoice {
  /** As Modal takes it: `A10G`, `A100-80GB:2`. */
  readonly gpu: string;
  /** For the user to read, where Modal may not know the type. */
  readonly warning?: string;
}

/**
 * Reads `TYPE[:COUNT]`. A type that is one typing error away from Modal's is a mistake; one that may be
 * new at Modal passes with a warning, and Modal decides.
 * @throws UserError with the nearest type and the list
 */
export function readGpu(text: string): GpuChoice {
  const [typeText = "", countText, ...rest] = text.trim().toUpperCase().split(":");
  if (rest.length > 0 || (countText !== undefined && !/^[1-9]\d?$/.test(countText))) {
    throw mistake(`"${text}" is no GPU: it reads TYPE or TYPE:COUNT, such as A10G or A100-80GB:2`);
  }
  const count = Number(countText ?? 1);
  if (count > MAX_COUNT) {
    throw mistake(`${count} GPUs are too many: a sandbox has at most ${MAX_COUNT}`);
  }
  const gpu = count === 1 ? typeText : `${typeText}:${count}`;
  if (isKnown(typeText)) return { gpu };
  const meant = mistyped(typeText);
  if (meant !== undefined || !isWellFormed(typeText)) {
    throw mistake(
      `"${text}" is no GPU type of Modal's; did you mean ${meant ?? closest(typeText, GPU_TYPES)}?`,
    );
  }
  return {
    gpu,
    warning: `Parhelia does not know the GPU type ${typeText}; whether there is one, Modal says. Known are ${GPU_TYPES.join(", ")}`,
  };
}

const isKnown = (type: string) => (GPU_TYPES as readonly string[]).includes(type);

const isWellFormed = (type: string) => /^[A-Z]+\d*[A-Z0-9]*(-[A-Z0-9]+)*[!+]?$/.test(type);

/** The known type that this is a typing error of. Another number alone may well be a new model. */
function mistyped(type: string): string | undefined {
  const alike = GPU_TYPES.find((known) => lookAlike(known) === lookAlike(type));
  if (alike !== undefined) return alike;
  const near = GPU_TYPES.filter((known) => distance(known, type) === 1);
  return near.some((known) => letters(known) === letters(type)) ? undefined : near[0];
}

/** What a person may take for the same: `A1OO`, `a100 80gb`. */
function lookAlike(type: string): string {
  return type.replaceAll("O", "0").replaceAll("I", "1").replaceAll(/[-_ ]/g, "");
}

function letters(type: string): string {
  return type.replaceAll(/\d/g, "");
}

function mistake(message: string): UserError {
  return new UserError(message, { hint: `GPU types are ${GPU_TYPES.join(", ")}` });
}
