import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SESSION_CLAUDE_DIR } from "../../container/protocol/paths.ts";
import type { ImagePackages } from "../layers/layer4-runtime-config/image-programs.ts";
import type { CollectedConfiguration } from "../layers/sync-tree.ts";
import type { Connection } from "../modal/connection.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import { checkMcpServers } from "../sandbox/mcp-status.ts";
import { CLAUDE_DIR } from "../volume/layout.ts";
import type { Aspect } from "./claude-view.ts";
import { compareViews, inPlace, type Difference, type Place } from "./compare-views.ts";
import type { Evidence } from "./evidence.ts";
import { explain } from "./explain.ts";
import { gatherFacts } from "./gather-evidence.ts";
import { lookHere } from "./look-here.ts";
import { lookThere } from "./look-there.ts";
import { unseenParts } from "./plan-items.ts";
import { mcpTimeoutMs } from "./probe.ts";

export interface ParityOptions {
  readonly connection: Connection;
  readonly sandbox: Sandbox;
  /** Name of the session whose sandbox it is. */
  readonly session: string;
  readonly volumeName: string;
  /** The user's configuration, as a sync would send it now. */
  readonly collected: CollectedConfiguration;
  /** What the image is configured to have besides Parhelia's own. */
  readonly imagePackages: ImagePackages;
  /** The user's own `claude`. */
  readonly claude: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** What a report speaks of: what Claude Code shows, and what only the plan of a sync knows. */
export type ReportAspect = Aspect | "hooks" | "settings";

/** A difference as a report has it. */
export interface ReportedDifference {
  readonly aspect: ReportAspect;
  /** Empty for what there is one of, such as the model. */
  readonly name: string;
  /** Null where it is not there. */
  readonly here: string | null;
  readonly there: string | null;
  readonly explained: boolean;
  readonly cause: string | null;
  readonly remedy: string | null;
}

/** The user's Claude Code beside that of a session. */
export interface ParityReport {
  readonly session: string;
  /** No difference without an explanation. */
  readonly parity: boolean;
  /** Names of what is the same; for what there is one of, its value. */
  readonly same: Readonly<Record<ReportAspect, readonly string[]>>;
  readonly differences: readonly ReportedDifference[];
}

/**
 * Starts Claude Code here and in the sandbox, both at a Messages API of Parhelia's own, and says what the two
 * have alike, what not, and why. Neither side's files are changed by more than what
 * Claude Code itself writes when it starts.
 * @throws SystemError when one of the two does not start
 */
export async function checkParity(options: ParityOptions): Promise<ParityReport> {
  const { sandbox, session, cwd, collected } = options;
  const places = placesOf(collected);
  const [seenHere, seenThere, facts] = await Promise.all([
    lookHere(options.claude, options),
    lookThere(sandbox, mcpTimeoutMs(options.env)),
    gatherFacts(options),
  ]);
  const here = inPlace(seenHere, places.here);
  const there = inPlace(seenThere, places.there);
  const { same, differences } = compareViews(here, there);
  const isServerOther = differences.some(({ aspect }) => aspect === "mcpServers");
  const servers = isServerOther
    ? (await checkMcpServers(sandbox, options.imagePackages)).servers
    : [];
  let evidence: Evidence = { ...facts, session, cwd, here, there, servers };
  if (differences.some((difference) => explain(difference, evidence) === undefined)) {
    evidence = { ...evidence, withoutProject: await lookWithoutProject(options, places) };
  }
  const reported = [
    ...differences.map((difference) => reportOf(difference, evidence)),
    ...unseenDifferences(facts.plan),
  ];
  return {
    session,
    parity: reported.every(({ explained }) => explained),
    same: { ...same, ...unseenSame(facts.plan) },
    differences: reported,
  };
}

interface Places {
  readonly here: Place;
  readonly there: Place;
}

/** A session reads what is on the volume through links in a directory of its own. */
function placesOf(collected: CollectedConfiguration): Places {
  return {
    here: { onVolume: (text) => collected.inSandbox(text) },
    there: { onVolume: (text) => text.replaceAll(`${SESSION_CLAUDE_DIR}/`, `${CLAUDE_DIR}/`) },
  };
}

/** An empty directory of every Debian. */
const NO_PROJECT_DIR = "/mnt";

async function lookWithoutProject(
  options: ParityOptions,
  places: Places,
): Promise<Evidence["withoutProject"]> {
  return inEmptyDirectory(options.signal, async (cwd) => {
    const [here, there] = await Promise.all([
      lookHere(options.claude, { ...options, cwd }),
      lookThere(options.sandbox, mcpTimeoutMs(options.env), NO_PROJECT_DIR),
    ]);
    return { here: inPlace(here, places.here), there: inPlace(there, places.there) };
  });
}

/** Does something in a directory that is there for it alone, and goes at once when the signal comes. */
async function inEmptyDirectory<Result>(
  signal: AbortSignal,
  action: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "parhelia-no-project-"));
  const remove = () => {
    rmSync(directory, { recursive: true, force: true });
  };
  signal.addEventListener("abort", remove);
  try {
    return await action(directory);
  } finally {
    signal.removeEventListener("abort", remove);
    remove();
  }
}

function reportOf(difference: Difference, evidence: Evidence): ReportedDifference {
  const explanation = explain(difference, evidence);
  return {
    ...difference,
    here: shown(difference.aspect, difference.here),
    there: shown(difference.aspect, difference.there),
    explained: explanation !== undefined,
    cause: explanation?.cause ?? null,
    remedy: explanation?.remedy ?? null,
  };
}

/** The text of a memory file is the user's: its hash says enough. */
function shown(aspect: Aspect, value: string | null): string | null {
  if (value === null) return null;
  if (aspect !== "memoryFiles") return value || "present";
  const hash = createHash("sha256").update(value).digest("hex").slice(0, 12);
  return `${Buffer.byteLength(value)} bytes, sha256 ${hash}`;
}

function unseenDifferences(plan: Evidence["plan"]): ReportedDifference[] {
  return unseenParts(plan).flatMap(({ aspect, item, explanation }) =>
    explanation === undefined
      ? []
      : [
          {
            aspect,
            name: item.name,
            here: "configured",
            there: item.verdict,
            explained: true,
            cause: explanation.cause,
            remedy: explanation.remedy ?? null,
          },
        ],
  );
}

function unseenSame(plan: Evidence["plan"]): Record<"hooks" | "settings", string[]> {
  const same = unseenParts(plan).filter(({ explanation }) => explanation === undefined);
  const namesOf = (wanted: string) =>
    same.filter(({ aspect }) => aspect === wanted).map(({ item }) => item.name);
  return { hooks: namesOf("hooks"), settings: namesOf("settings") };
}
