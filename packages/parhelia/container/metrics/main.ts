/** `parhelia-metrics`: a bundle of its own, since init, which a user waits for, would read the library, too. */
import { metricsPort } from "./settings.ts";
import { createMetrics } from "./registry.ts";
import { serveMetrics } from "./serve-metrics.ts";

/** An endpoint on loopback answers at once, or it is not Parhelia's. */
const TIMEOUT_MS = 2_000;

async function main([subcommand, argument, ...rest]: readonly string[]): Promise<void> {
  const isJson = argument === "--json";
  if (subcommand === "serve" && /^\d+$/.test(argument ?? "") && rest.length === 0) {
    serveMetrics(createMetrics(process.env), Number(argument));
  } else if (subcommand === "print" && (argument === undefined || isJson) && rest.length === 0) {
    process.stdout.write(await currentMetrics(isJson));
  } else {
    process.stderr.write("usage: parhelia-metrics serve PORT | parhelia-metrics print [--json]\n");
    process.exitCode = 2;
  }
}

/** From the endpoint, which has counted Claude Code's events; without one, what can be read now. */
async function currentMetrics(isJson: boolean): Promise<string> {
  const port = metricsPort(process.env as Record<string, string>);
  const served = port === undefined ? undefined : await fromEndpoint(port, isJson);
  if (served !== undefined) return served;
  const { registry } = createMetrics(process.env);
  return isJson ? JSON.stringify(await registry.getMetricsAsJSON()) : registry.metrics();
}

async function fromEndpoint(port: number, isJson: boolean): Promise<string | undefined> {
  const path = isJson ? "metrics.json" : "metrics";
  try {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    // Another program may have the port.
    return response.ok && text.includes("parhelia_") ? text : undefined;
  } catch {
    return undefined;
  }
}

void main(process.argv.slice(2));
