import type { Config } from "../config/config.ts";
import type { RunningSandbox } from "../modal/sandboxes.ts";
import { HOUR_MS } from "../units.ts";

/** Modal's broad regions; the others are narrow, and cost more. */
const BROAD_REGIONS = new Set(["us", "eu", "ap", "uk", "ca", "me", "sa", "af", "mx"]);

/**
 * What a sandbox has cost so far, in US dollars: what it reserves, since it was created. Modal charges for what is
 * used where that is more. Undefined where the rate of its GPU is not known.
 */
export function estimateCost(
  sandbox: RunningSandbox,
  rates: Config["cost"],
  nowMs: number,
): number | undefined {
  const perHour = costPerHour(sandbox, rates);
  if (perHour === undefined) return undefined;
  return (perHour * Math.max(0, nowMs - sandbox.createdAt.getTime())) / HOUR_MS;
}

/** What a sandbox costs an hour, in US dollars, by what it reserves. Undefined as above. */
export function costPerHour(
  { resources, regions }: Pick<RunningSandbox, "resources" | "regions">,
  rates: Config["cost"],
): number | undefined {
  const { cpu, memoryMiB, gpu } = resources;
  const gpuHour = gpu === undefined ? 0 : gpuRate(gpu, rates.gpuHour);
  if (gpuHour === undefined) return undefined;
  const perHour = cpu * rates.cpuCoreHour + (memoryMiB / 1024) * rates.memoryGibHour + gpuHour;
  return perHour * regionFactor(regions, rates);
}

/** `A100-80GB:2` is two of them. */
function gpuRate(gpu: string, gpuHour: Config["cost"]["gpuHour"]): number | undefined {
  const [type = "", count = "1"] = gpu.split(":");
  const rate = gpuHour[type.toUpperCase()];
  return rate === undefined ? undefined : rate * Number(count);
}

function regionFactor(regions: readonly string[], rates: Config["cost"]): number {
  if (regions.length === 0) return 1;
  const isBroad = regions.every((region) => BROAD_REGIONS.has(region));
  return isBroad ? rates.broadRegionFactor : rates.narrowRegionFactor;
}
