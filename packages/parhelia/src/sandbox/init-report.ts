import { SESSION_BEGINS_LINE } from "../../container/protocol/claim.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import type { Phase } from "./phases.ts";

/** What init printed about its own start (SPEC-01.13); see docs/architecture.md for the lines. */
export interface InitReport {
  /** The steps that succeeded, with their times. */
  readonly steps: readonly Phase[];
  /** The step that failed, with what it printed. */
  readonly failure?: { readonly step: string; readonly output: string };
  /** Whether it got as far as the ready line. */
  readonly ready: boolean;
}

const STEP = /^parhelia-init (\d+\/\d+ \S+) ok (\d+)ms$/;
const FAILED_STEP = /^parhelia-init (\d+\/\d+ \S+) FAILED \d+ms$/;
const READY = /^parhelia-init ready \d+ms$/;

/** Reads init's lines out of what a sandbox printed, which may be anything else besides. */
export function readInitReport(output: string): InitReport {
  // What a prepared sandbox did before it had a session is no part of the session's start.
  const lines = output.slice(Math.max(0, output.lastIndexOf(SESSION_BEGINS_LINE))).split("\n");
  const steps = lines.flatMap((line) => {
    const match = STEP.exec(line);
    return match === null ? [] : [{ name: `init ${match[1] ?? ""}`, durationMs: Number(match[2]) }];
  });
  const failedAt = lines.findIndex((line) => FAILED_STEP.test(line));
  const step = FAILED_STEP.exec(lines[failedAt] ?? "")?.[1];
  return {
    steps,
    ready: lines.some((line) => READY.test(line)),
    ...(step === undefined
      ? {}
      : {
          failure: {
            step,
            output: lines
              .slice(failedAt + 1)
              .join("\n")
              .trimEnd(),
          },
        }),
  };
}

/** How long a ready sandbox's own lines may take to arrive. */
const REPORT_TIMEOUT_MS = 5_000;

/** The times of init's steps, as a sandbox that is ready printed them. */
export async function readInitSteps(sandbox: Sandbox): Promise<readonly Phase[]> {
  const reader = sandbox.stdout.getReader();
  const timeout = setTimeout(() => void reader.cancel(), REPORT_TIMEOUT_MS);
  try {
    let output = "";
    for (;;) {
      const { done, value } = await reader.read();
      output += value ?? "";
      const report = readInitReport(output);
      if (done || report.ready) return report.steps;
    }
  } finally {
    clearTimeout(timeout);
    await reader.cancel();
  }
}
