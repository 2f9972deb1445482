import { expect, test } from "vitest";
import { runSteps, StepError } from "./steps.ts";
import { runAsUser } from "./user-command.ts";

const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const environment = { PATH: process.env["PATH"] ?? "" };

test("SPEC-01.13: steps run in order, and each is a line with its time", async () => {
  const lines: string[] = [];
  const step = (name: string) => ({ name, run: () => void lines.push(`doing ${name}`) });
  expect(
    await runSteps([step("link-config"), step("verify-claude-code")], (line) => lines.push(line)),
  ).toEqual([
    { name: "link-config", durationMs: expect.any(Number) as number },
    { name: "verify-claude-code", durationMs: expect.any(Number) as number },
  ]);
  expect(lines).toEqual([
    "doing link-config",
    expect.stringMatching(/^parhelia-init 1\/2 link-config ok \d+ms$/),
    "doing verify-claude-code",
    expect.stringMatching(/^parhelia-init 2\/2 verify-claude-code ok \d+ms$/),
  ]);
});

test("a failing step is the last one, and its output follows its line", async () => {
  const lines: string[] = [];
  const steps = [
    {
      name: "verify-claude-code",
      run: () =>
        runAsUser(["sh", "-c", "echo one; echo two >&2; exit 3"], { environment, user: self }),
    },
    { name: "never", run: () => expect.unreachable() },
  ];
  expect(await runSteps(steps, (line) => lines.push(line))).toBeUndefined();
  expect(lines).toEqual([
    expect.stringMatching(
      /^parhelia-init 1\/2 verify-claude-code FAILED \d+ms\none\ntwo\nsh -c .* ended with status 3$/,
    ),
  ]);
});

test("a command that is not there, or that does not end, is an error that says so", async () => {
  await expect(runAsUser(["no-such-command"], { environment, user: self })).rejects.toThrow(
    /^no-such-command could not be started: /,
  );
  const hanging = runAsUser(["sleep", "60"], { environment, user: self, timeoutMs: 50 });
  await expect(hanging).rejects.toThrow(StepError);
  await expect(hanging).rejects.toThrow("sleep 60 was killed by SIGKILL");
});

test("a server that a command leaves running does not hold up the step", async () => {
  const startedAt = performance.now();
  await runAsUser(["sh", "-c", "sleep 2 & exit 0"], { environment, user: self });
  expect(performance.now() - startedAt).toBeLessThan(1_500);
});
