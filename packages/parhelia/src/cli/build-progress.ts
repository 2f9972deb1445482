import { styleText } from "node:util";
import type { BuildStep } from "../modal/images.ts";
import { formatDuration } from "../units.ts";

const REDRAW_MS = 100;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** Shows an image build as it happens. */
export interface BuildProgress {
  readonly onStep: (step: BuildStep) => void;
  readonly onBuildLog: (text: string) => void;
  /** Ends the display; what is finished stays on the screen. */
  stop(): void;
}

/** On a terminal one live line, in a pipe every line of the build as it is. */
export function showBuildProgress(stream: NodeJS.WriteStream = process.stderr): BuildProgress {
  return stream.isTTY ? liveProgress(stream) : plainProgress(stream);
}

function plainProgress(stream: NodeJS.WriteStream): BuildProgress {
  let rest = "";
  return {
    onStep: ({ name, number, total }) => {
      stream.write(`image step ${number}/${total} ${name}\n`);
    },
    onBuildLog: (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) stream.write(`  ${line}\n`);
    },
    stop: () => {
      if (rest !== "") stream.write(`  ${rest}\n`);
    },
  };
}

function liveProgress(stream: NodeJS.WriteStream): BuildProgress {
  const startMs = performance.now();
  let step: BuildStep | undefined;
  let stepStartMs = startMs;
  let lastLine = "";
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const draw = () => {
    if (step === undefined) return;
    const elapsed = formatDuration(performance.now() - stepStartMs);
    const head = `${FRAMES[frame++ % FRAMES.length] ?? ""} ${step.number}/${step.total} ${step.name} ${elapsed} `;
    const room = Math.max(0, stream.columns - head.length - 1);
    stream.write(`\r\u001b[K${head}${styleText("dim", lastLine.slice(0, room), { stream })}`);
  };
  const finishStep = () => {
    if (step === undefined) return;
    const elapsed = formatDuration(performance.now() - stepStartMs);
    stream.write(
      `\r\u001b[K${styleText("green", "✓", { stream })} ${step.number}/${step.total} ${step.name} ${elapsed}\n`,
    );
    step = undefined;
  };
  return {
    onStep: (next) => {
      finishStep();
      step = next;
      stepStartMs = performance.now();
      lastLine = "";
      timer ??= setInterval(draw, REDRAW_MS);
      draw();
    },
    onBuildLog: (text) => {
      // Control characters of the build's own progress bars must not move our line.
      const lines = text
        .split(/[\r\n]+/)
        .map((line) => line.replace(/\p{Control}/gu, " ").trim())
        .filter((line) => line !== "");
      lastLine = lines.at(-1) ?? lastLine;
    },
    stop: () => {
      clearInterval(timer);
      finishStep();
    },
  };
}
