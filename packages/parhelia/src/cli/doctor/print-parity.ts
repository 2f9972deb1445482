import { styleText } from "node:util";
import type { ParityReport, ReportAspect, ReportedDifference } from "../../parity/check-parity.ts";
import { printable } from "../printable.ts";

/** How a report calls its aspects, in its order. */
const LABELS: Readonly<Record<ReportAspect, string>> = {
  version: "version",
  model: "model",
  permissionMode: "permission mode",
  outputStyle: "output style",
  tools: "tools",
  mcpServers: "MCP servers",
  slashCommands: "slash commands",
  agents: "agents",
  skills: "skills",
  plugins: "plugins",
  memoryFiles: "memory files",
  hooks: "hooks",
  settings: "settings",
};

/** Claude Code itself has long lists: more names than these are counted; `--json` has them all. */
const MAX_NAMES = 5;

const INDENT = " ".repeat("unexplained".length + 2);

/** What is the same, then what differs, what nothing explains last. */
export function parityLines(report: ParityReport, stream: NodeJS.WriteStream): string[] {
  const aspects = Object.keys(LABELS) as ReportAspect[];
  const { session, differences } = report;
  const unexplained = differences.filter(({ explained }) => !explained);
  const explained = differences.filter((difference) => difference.explained);
  const label = (text: string, color: "green" | "yellow" | "red") =>
    styleText(color, text.padEnd(INDENT.length), { stream });
  const same = aspects.flatMap((aspect) => {
    const names = report.same[aspect];
    return names.length === 0 ? [] : [label("same", "green") + printable(sameText(aspect, names))];
  });
  return [
    ...same,
    ...explained.flatMap((each) => differenceLines(each, label("explained", "yellow"))),
    ...unexplained.flatMap((each) => differenceLines(each, label("unexplained", "red"))),
    verdict(session, explained.length, unexplained.length),
  ];
}

function sameText(aspect: ReportAspect, names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(", ");
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return `${LABELS[aspect]}: ${shown}${more}`;
}

function differenceLines(difference: ReportedDifference, label: string): string[] {
  const { aspect, name, here, there, cause, remedy } = difference;
  const what = name === "" ? LABELS[aspect] : `${LABELS[aspect]}: ${name}`;
  const values = `${here ?? "not there"} here, ${there ?? "not there"} in the sandbox`;
  return [
    label + printable(`${what}: ${values}`),
    ...(cause === null ? [] : [INDENT + printable(`cause: ${cause}`)]),
    ...(remedy === null ? [] : [INDENT + printable(`remedy: ${remedy}`)]),
  ];
}

function verdict(session: string, explained: number, unexplained: number): string {
  const whose = `the Claude of session ${session}`;
  if (explained + unexplained === 0) return `${whose} is yours: nothing differs`;
  const count = (number: number) => (number === 1 ? "1 difference" : `${number} differences`);
  if (unexplained === 0) return `${whose} is yours, but for ${count(explained)} as explained`;
  return `${whose} has ${count(unexplained)} that nothing explains`;
}
