import { UserError } from "../../errors.ts";
import { logLine } from "../../log.ts";
import { fillPool, listPool, type PreparedSandbox } from "../../sandbox/pool.ts";
import { withConnection } from "../../sandbox/session.ts";
import { formatDuration } from "../../units.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { PoolFillArguments, PoolFillOptions } from "../command-types.ts";
import { showingProgress } from "../start-session.ts";

/** `parhelia pool fill`: so many sandboxes wait for a session, and what they cost is said. */
export const run: RunCommand<PoolFillArguments, PoolFillOptions> = async (
  context,
  args,
  { gpu, region, timeout, env, json },
) => {
  const count = readCount(args.count);
  const loaded = await context.loadConfig({ region, timeout, env });
  const { target, cost, pool } = loaded.config;
  const place = actOn(loaded);
  const filled = await showingProgress(context, loaded, "", (options) => {
    const { onBuildLog } = options;
    const connection = onBuildLog === undefined ? place : { ...place, onBuildLog };
    return withConnection(connection, async (connected) => {
      const sandbox = { ...options, gpu };
      const started = await fillPool(connected, { count, pool, sandbox });
      return { started, waiting: await listPool(connected, cost) };
    });
  });
  const keeps = `each until ${formatDuration(pool.keepMs)} after its start, or until parhelia pool drain`;
  logLine(`${filled.started} started; ${filled.waiting.length} prepared sandboxes wait, ${keeps}`);
  if (target === "modal") logLine(describeCost(filled.waiting));
  if (json) context.printJson(filled);
  else for (const { sandboxId } of filled.waiting) context.print(sandboxId);
  return 0;
};

function readCount(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new UserError(`${text} is not a number of sandboxes`, { hint: "parhelia pool fill 1" });
}

function describeCost(waiting: readonly PreparedSandbox[]): string {
  const rates = waiting.map(({ costPerHour }) => costPerHour);
  const known = rates.filter((rate) => rate !== null);
  const more = known.length < rates.length ? ", and those whose rate [cost] does not have" : "";
  const perHour = known.reduce((total, rate) => total + rate, 0);
  return `waiting costs about $${perHour.toFixed(2)} an hour${more}`;
}
