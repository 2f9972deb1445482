import type Docker from "dockerode";
import { ServerError, Status } from "nice-grpc";
import type { Engine } from "./engine.ts";

/**
 * Why the engine can give no container a GPU, or undefined where it can: it needs NVIDIA's runtime, which
 * the NVIDIA Container Toolkit registers with it.
 */
export async function lackingGpuRuntime({ docker, address }: Engine): Promise<string | undefined> {
  const { Runtimes } = (await docker.info()) as { Runtimes?: Readonly<Record<string, unknown>> };
  if (Runtimes !== undefined && "nvidia" in Runtimes) return undefined;
  const known = Object.keys(Runtimes ?? {}).join(", ") || "none";
  return `the container engine at ${address} has no NVIDIA runtime (its runtimes: ${known}), so a sandbox on this machine cannot have a GPU`;
}

/** @throws ServerError FAILED_PRECONDITION with the reason */
export async function requireGpuRuntime(engine: Engine): Promise<void> {
  const reason = await lackingGpuRuntime(engine);
  if (reason !== undefined) throw new ServerError(Status.FAILED_PRECONDITION, reason);
}

/** So many of the machine's GPUs, whatever their type, as the engine is asked for them. */
export function gpuDevices(count: number): Docker.DeviceRequest[] {
  return count === 0 ? [] : [{ Driver: "nvidia", Count: count, Capabilities: [["gpu"]] }];
}
