import { setTimeout as delay } from "node:timers/promises";
import type { LiveSandbox } from "../containers/live-sandbox.ts";
import {
  GenericResultGenericStatus as GenericStatus,
  type SandboxTag,
} from "../generated/modal_client.ts";
import type { SandboxResult } from "../state/records.ts";

/** The SDK asks for 10 s and repeats; a wait beyond that would only hold a connection. */
const LONGEST_WAIT_S = 50;

/** The result within the time, otherwise undefined. @throws AbortError when the caller has gone */
export async function resultWithin(
  sandbox: LiveSandbox,
  timeoutS: number,
  signal: AbortSignal,
): Promise<SandboxResult | undefined> {
  const { result } = sandbox.record;
  if (result !== undefined || timeoutS <= 0) return result;
  const settled = new AbortController();
  const eitherSignal = AbortSignal.any([signal, settled.signal]);
  const timeoutMs = Math.min(LONGEST_WAIT_S, timeoutS) * 1000;
  try {
    return await Promise.race([
      sandbox.waitForEnd(eitherSignal),
      delay(timeoutMs, undefined, { signal: eitherSignal }),
    ]);
  } finally {
    settled.abort();
  }
}

/** How a sandbox ended, in Modal's words. */
export function genericResult({ outcome, exitCode, reason }: SandboxResult) {
  const status = {
    exited:
      exitCode === 0 ? GenericStatus.GENERIC_STATUS_SUCCESS : GenericStatus.GENERIC_STATUS_FAILURE,
    terminated: GenericStatus.GENERIC_STATUS_TERMINATED,
    timeout: GenericStatus.GENERIC_STATUS_TIMEOUT,
    lost: GenericStatus.GENERIC_STATUS_INTERNAL_FAILURE,
  }[outcome];
  return {
    status,
    exitcode: exitCode,
    exception: outcome === "exited" && exitCode === 0 ? "" : reason,
  };
}

export function tagRecord(tags: readonly SandboxTag[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ tagName, tagValue }) => [tagName, tagValue]));
}

export function tagList(tags: Readonly<Record<string, string>>): SandboxTag[] {
  return Object.entries(tags).map(([tagName, tagValue]) => ({ tagName, tagValue }));
}
