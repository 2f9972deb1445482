import type { McpReport, McpServerReport } from "../protocol/mcp-report.ts";
import type { McpConfig, McpServerConfig } from "./read-config.ts";
import type { Change, SupervisedServer } from "./supervise-server.ts";

/** A configured server, what is known of it, and the care that it gets; undefined of a lazy one. */
interface Launched {
  readonly config: McpServerConfig;
  report: McpServerReport;
  supervised?: SupervisedServer;
}

/** The servers of `mcp_config.json` in the launcher's care. */
export class LaunchedServers {
  readonly #write: (report: McpReport) => void;
  readonly #log: (server: McpServerReport) => void;
  #config: Omit<McpConfig, "servers"> = { source: "", state: "absent", problems: [] };
  #servers: readonly Launched[] = [];

  /**
   * @param write is given the whole report whenever something in it changes
   * @param log is given a server whenever its state changes
   */
  constructor(write: (report: McpReport) => void, log: (server: McpServerReport) => void) {
    this.#write = write;
    this.#log = log;
  }

  /**
   * Makes these the servers in care: what is gone or described otherwise is stopped first, what is new is
   * started, and the rest goes on. A file that is malformed as a whole stops nothing.
   */
  async follow({ servers: described, ...config }: McpConfig): Promise<void> {
    this.#config = config;
    if (config.state === "malformed" && described.length === 0) {
      this.#report();
      return;
    }
    const before = this.#servers;
    this.#servers = described.map(
      (server) =>
        before.find((launched) => isSame(launched.config, server)) ?? {
          config: server,
          report: unasked(server),
        },
    );
    this.#report();
    const gone = before.filter((launched) => !this.#servers.includes(launched));
    await Promise.all(inCare(gone).map((server) => server.stop()));
    await this.#startEager();
  }

  /** Resolves when there is nothing more to do for any of them. */
  async finished(): Promise<void> {
    await Promise.all(inCare(this.#servers).map(({ finished }) => finished));
  }

  /** Ends all that runs. */
  async stop(): Promise<void> {
    await Promise.allSettled(inCare(this.#servers).map((server) => server.stop()));
    for (const launched of this.#servers) {
      if (launched.report.pid === null) continue;
      launched.report = { ...launched.report, state: "stopped", pid: null };
    }
    this.#report();
  }

  async #startEager(): Promise<void> {
    const waiting = this.#servers.filter(
      ({ config, supervised }) => config.start === "eager" && supervised === undefined,
    );
    if (waiting.length === 0) return;
    // Only now: a sandbox without eager servers need not load the SDK.
    const { superviseServer } = await import("./supervise-server.ts");
    for (const launched of waiting) {
      launched.supervised = superviseServer(launched.config, process.env, (change) => {
        this.#change(launched, change);
      });
    }
  }

  #change(launched: Launched, change: Change): void {
    const before = launched.report;
    launched.report = { ...before, ...change };
    this.#report();
    if (launched.report.state !== before.state) this.#log(launched.report);
  }

  #report(): void {
    this.#write({ ...this.#config, servers: this.#servers.map(({ report }) => report) });
  }
}

/** What is known of a server that nobody has asked. */
export function unasked({ name, transport, start }: McpServerConfig): McpServerReport {
  return {
    name,
    transport,
    start,
    state: "idle",
    tools: null,
    lastError: null,
    missingProgram: null,
    startupMs: null,
    pid: null,
    restarts: 0,
  };
}

function inCare(servers: readonly Launched[]): SupervisedServer[] {
  return servers.flatMap(({ supervised }) => supervised ?? []);
}

function isSame(one: McpServerConfig, other: McpServerConfig): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
