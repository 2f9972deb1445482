import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ROOT } from "../repository/tree.ts";

const APP = join(ROOT, "packages/parhelia/modal_app.py");

/** Modal's client itself is not to be had here: this writes down what the file asks it for. */
const RECORDING_CLIENT = `
import json, sys

class Recorded:
    def __init__(self, what): self.what = what
    def reload(self): print("reload", file=sys.stderr)
    def commit(self): print("commit", file=sys.stderr)

def maker(kind):
    def make(*args, **kwargs): return Recorded([kind, *args, kwargs])
    return make

class Volume: from_name = staticmethod(maker("volume"))
class Secret:
    from_name = staticmethod(maker("secret"))
    from_dict = staticmethod(maker("variables"))
class Image: from_id = staticmethod(maker("image"))
Cron = maker("cron")

functions = {}
def plain(value):
    if isinstance(value, Recorded): return value.what
    if isinstance(value, dict): return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list): return [plain(each) for each in value]
    return value

class App:
    def __init__(self, name): self.name = name
    def function(self, **options):
        def decorate(function):
            functions[function.__name__] = {"app": self.name, **plain(options)}
            return function
        return decorate
`;

const deployment = {
  app: "my-app",
  function: "run_batch_task",
  metrics: "run_batch_task-metrics",
  plugins: "run_batch_task-plugins",
  image_id: "im-1",
  volume: "my-vol",
  secrets: ["anthropic-api-key"],
  regions: ["us-east"],
};

const folder = mkdtempSync(join(tmpdir(), "parhelia-modal-app-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "python"));
mkdirSync(join(folder, "bin"));
writeFileSync(join(folder, "python/modal.py"), RECORDING_CLIENT);

function program(name: string, script: string): void {
  writeFileSync(join(folder, "bin", name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "bin", name), 0o755);
}

const PATH = `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`;
const hasPython = spawnSync("python3", ["--version"]).status === 0;
if (!hasPython) process.stderr.write("skipped: no python3 to run modal_app.py with\n");

/** Runs lines of Python behind the import of the app. */
function python(lines: string) {
  const prelude = `import json, sys\nsys.path[:0] = ${JSON.stringify([join(APP, ".."), join(folder, "python")])}\n`;
  return spawnSync("python3", ["-B", "-c", `${prelude}import modal, modal_app\n${lines}`], {
    encoding: "utf8",
    env: { ...process.env, PATH, PARHELIA_DEPLOYMENT: JSON.stringify(deployment) },
  });
}

describe.skipIf(!hasPython)("D10, SPEC-01.11b: modal_app.py", () => {
  test("asks for what the specification and the configuration say", () => {
    const { stdout, stderr } = python("print(json.dumps(modal.functions))");
    const functions = JSON.parse(stdout || `"${stderr}"`) as Record<string, object>;
    const common = {
      app: "my-app",
      image: ["image", "im-1", {}],
      volumes: { "/vol/parhelia": ["volume", "my-vol", { create_if_missing: true, version: 2 }] },
      secrets: [
        ["secret", "anthropic-api-key", {}],
        ["variables", { PARHELIA_DEPLOYMENT: expect.any(String) as string }, {}],
      ],
      region: ["us-east"],
      cpu: 4,
      memory: 16384,
      timeout: 300,
    };
    expect(functions).toEqual({
      run_batch_task: { ...common, name: "run_batch_task" },
      collect_metrics: {
        ...common,
        name: "run_batch_task-metrics",
        schedule: ["cron", "0 * * * *", {}],
      },
      sync_plugins: {
        ...common,
        name: "run_batch_task-plugins",
        schedule: ["cron", "0 5 * * *", {}],
      },
    });
  });

  test("runs the image's program, and returns what it prints last, whatever its status", () => {
    program(
      "parhelia-container",
      `echo progress; printf '{"args":"%s","task":%s}\\n' "$*" "$(cat)"; exit 1`,
    );
    const { stdout, stderr } = python(
      'print(json.dumps(modal_app.run_batch_task({"task": "health"})))',
    );
    expect(JSON.parse(stdout)).toEqual({ args: "batch", task: { task: "health" } });
    expect(stderr).toBe("reload\ncommit\n");
  });

  test("says why there is no result", () => {
    program("parhelia-container", "echo 'no disk' >&2; exit 3");
    const { status, stderr } = python('modal_app.run_batch_task({"task": "health"})');
    expect(status).toBe(1);
    expect(stderr).toContain("RuntimeError: status 3: no disk");
  });
});
