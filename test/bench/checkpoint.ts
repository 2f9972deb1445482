import { parhelia } from "../../scripts/quickstart/parhelia-program.ts";
import { summarise } from "./statistics.ts";
import { measureTurns } from "./turn.ts";

const SESSION = `bench-checkpoint-${process.pid}`;
/** Of the workspace: PARHELIA_BENCH_WORKSPACE_MB. The size that the bars are about is 1000. */
const MEGABYTES = Number(process.env["PARHELIA_BENCH_WORKSPACE_MB"] ?? 200);
const SPEED_BAR = 3;
const SIZE_BAR = 1.15;
const RESTORE_BAR = 1;
const CHANGED_BAR = 0.1;

/** What a measurement of checkpoints needs. */
export interface CheckpointBenchOptions {
  readonly rounds: number;
  readonly print: (line: string) => void;
}

const MEASURED = ["tar", "first", "changed", "unchanged", "untar", "restore"] as const;
type Measured = (typeof MEASURED)[number];

/**
 * A Git repository of some 10 files a megabyte, half of them Git's own objects: source code, made of words, and
 * a fifth of content that cannot be compressed.
 */
const FILL = `
import os, random, subprocess, sys
megabytes = int(sys.argv[1])
random.seed(7)
words = ["".join(random.choices("etaoinshrdlucmfw", k=random.randint(2, 9))) for _ in range(6000)]
weights = [1 / (rank + 10) for rank in range(len(words))]
def line():
    return "  " * random.randint(0, 3) + " ".join(random.choices(words, weights, k=9)) + ";"
lines = [line() for _ in range(60000)]
for index in range(megabytes * 9 // 2):
    directory = f"src/part-{index // 100}/module-{index % 7}"
    os.makedirs(directory, exist_ok=True)
    text = "\\n".join(random.choices(lines, k=1600))
    open(f"{directory}/file-{index}.ts", "w").write(text)
os.makedirs("assets")
for index in range(megabytes // 2):
    open(f"assets/image-{index}.png", "wb").write(random.randbytes(450_000))
git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0"]
for command in [["init", "-q"], ["add", "."], ["commit", "-qm", "all"]]:
    subprocess.run([*git, *command], check=True)
`;

/** Prints a line of \`NAME MILLISECONDS\` for each measurement, and one of the two sizes. */
const ROUND = `
cd "$PARHELIA_WORKSPACE"
checkpoints=/vol/parhelia/checkpoints/$PARHELIA_SESSION
measure() {
  local name=$1 start; shift; start=$(date +%s%N)
  "$@" >/tmp/output || { cat /tmp/output; exit 1; }
  echo "$name $((($(date +%s%N) - start) / 1000000))"
}
take() { parhelia-container checkpoint --reason request; }
rm -rf /vol/parhelia/workspaces/unpacked-*
measure tar tar czf /vol/parhelia/workspaces/unpacked.tar.gz .
# Only now: the timer may have taken a checkpoint beside tar, and the next one would have little left to do.
rm -rf "$checkpoints" /var/lib/parhelia/checkpoint/*
measure first take
echo "sizes $(stat -c %s /vol/parhelia/workspaces/unpacked.tar.gz) $(stat -Lc %s "$checkpoints/workspace.tar.gz")"
echo "// changed $RANDOM" >>src/part-0/module-0/file-0.ts
measure changed take
sleep 0.2
take >/tmp/output
measure unchanged take
mkdir /vol/parhelia/workspaces/unpacked-1
measure untar tar xzf /vol/parhelia/workspaces/unpacked.tar.gz -C /vol/parhelia/workspaces/unpacked-1
measure restore parhelia-container unpack "$PARHELIA_SESSION/latest" /vol/parhelia/workspaces/unpacked-2
git diff --quiet --no-index . /vol/parhelia/workspaces/unpacked-2 || { echo "what was restored differs"; exit 1; }
`;

/**
 * Measures checkpoints of a workspace beside tar, in one sandbox, on the volume's own disk. What it
 * makes on the volume is removed again.
 */
export async function measureCheckpoints({ rounds, print }: CheckpointBenchOptions): Promise<void> {
  await parhelia(["up", SESSION, "--new", "--no-workspace", "--env", "ANTHROPIC_API_KEY=no-key"]);
  try {
    await inSandbox(["sh", "-c", "find . -mindepth 1 -delete"]);
    await inSandbox(["python3", "-c", FILL, String(MEGABYTES)]);
    const what = await inSandbox(["sh", "-c", "find . -type f | wc -l; du -sm . | cut -f1"]);
    const times = Object.fromEntries(MEASURED.map((name) => [name, [] as number[]]));
    let sizes: readonly number[] = [];
    // One round more, whose times are not kept: the first reads what the others find in memory.
    for (let round = -1; round < rounds; round++) {
      for (const line of (await inSandbox(["bash", "-euc", ROUND])).trim().split("\n")) {
        const [name = "", ...numbers] = line.split(" ");
        if (name === "sizes") sizes = numbers.map(Number);
        else if (round >= 0) times[name]?.push(Number(numbers[0]));
      }
    }
    const [files, megabytes] = what.trim().split("\n");
    print("");
    print(`checkpoints of ${files} files, ${megabytes} MB, medians of ${rounds}`);
    report(times as Record<Measured, number[]>, sizes, print);
    await measureTurns(SESSION, rounds, print);
  } finally {
    const remove = `cd / && rm -rf /vol/parhelia/workspaces/unpacked* "$PARHELIA_WORKSPACE" /vol/parhelia/checkpoints/${SESSION}`;
    await inSandbox(["sh", "-c", remove]);
    await parhelia(["stop", "--force", SESSION]);
  }
}

async function inSandbox(command: readonly string[]): Promise<string> {
  return (await parhelia(["exec", SESSION, "--", ...command])).stdout;
}

const LABELS: Record<Measured, string> = {
  tar: "tar czf",
  first: "first checkpoint",
  changed: "checkpoint, one file changed",
  unchanged: "checkpoint, nothing changed",
  untar: "tar xzf",
  restore: "restore",
};

function report(
  times: Readonly<Record<Measured, readonly number[]>>,
  [tarBytes = Number.NaN, bytes = Number.NaN]: readonly number[],
  print: (line: string) => void,
): void {
  print(`${"".padEnd(40)}    median       min       max`);
  for (const name of MEASURED) {
    const { medianMs, minMs, maxMs } = summarise(times[name]);
    const columns = [medianMs, minMs, maxMs].map((ms) => `${Math.round(ms)} ms`.padStart(10));
    print(`${LABELS[name].padEnd(40)}${columns.join("")}`);
  }
  const median = (name: Measured) => summarise(times[name]).medianMs;
  const ratio = (label: string, value: number, bar: string) => {
    print(`${label.padEnd(40)}${value.toFixed(2).padStart(7)}   (bar ${bar})`);
  };
  print("");
  ratio("tar czf / first checkpoint", median("tar") / median("first"), `at least ${SPEED_BAR}`);
  ratio("size of the archive / of tar's", bytes / tarBytes, `${SIZE_BAR}`);
  ratio("tar xzf / restore", median("untar") / median("restore"), `at least ${RESTORE_BAR}`);
  ratio("one file changed / first", median("changed") / median("first"), `${CHANGED_BAR}`);
}
