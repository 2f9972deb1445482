import { nearest } from "./nearest.ts";

/** Modal's regions (SPEC-01.11b): one data centre's, then those that stand for several and cost less. */
export const REGIONS = [
  ...["us-east", "us-central", "us-south", "us-west", "eu-west", "eu-north", "eu-south"],
  ...["ap-northeast", "ap-southeast", "ap-south", "ap-melbourne", "jp", "au"],
  ...["us", "eu", "ap", "uk", "ca", "me", "sa", "af", "mx"],
] as const;

/** What is wrong with a region, or undefined. */
export function regionProblem(region: string): string | undefined {
  if ((REGIONS as readonly string[]).includes(region)) return undefined;
  const near = nearest(region.toLowerCase().replaceAll(/[ _]/g, "-"), REGIONS);
  const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
  return `must be one of ${REGIONS.join(", ")}${hint}`;
}
