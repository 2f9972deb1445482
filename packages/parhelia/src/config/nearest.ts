import { closest, distance } from "fastest-levenshtein";

/** The candidate that a typing error may have come from; undefined when none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const candidate = closest(name, candidates);
  return distance(name, candidate) <= Math.max(2, name.length / 3) ? candidate : undefined;
}

/** `; did you mean us-east?`, or nothing. */
export function didYouMean(candidate: string | undefined): string {
  return candidate === undefined ? "" : `; did you mean ${candidate}?`;
}
