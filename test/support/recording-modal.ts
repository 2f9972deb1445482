import { setTimeout as delay } from "node:timers/promises";
import { createServer, ServerError, Status, type CallContext, type Server } from "nice-grpc";
import { ModalClientDefinition } from "../../packages/modal-emulator/src/generated/modal_client.ts";
import { TaskCommandRouterDefinition } from "../../packages/modal-emulator/src/generated/task_command_router.ts";

/** A request as it came over the wire, by the name of its RPC. */
export interface RecordedRequest {
  readonly method: string;
  readonly message: Record<string, unknown>;
}

type Answer = (message: Record<string, unknown>, call: CallContext) => object | Promise<object>;

/** Modal's two identifiers of a sandbox, by backend: the SDK tells them apart by their length. */
const SANDBOX_V1 = "sb-0123456789ABCDEFGHIJKL";
const SANDBOX_V2 = "sb-0123456789ABCDEFGHIJKLMNOP";
const HOUR_S = 3_600;

/**
 * Speaks as much of Modal's protocol as a start of a session needs, runs nothing, and keeps every request:
 * for what reaches Modal from the real command line through the real SDK.
 */
export class RecordingModal {
  readonly requests: RecordedRequest[] = [];
  /** What is answered instead, by method. */
  readonly answers: Record<string, Answer> = {};
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer();
    this.#serve(ModalClientDefinition, this.#controlPlane());
    this.#serve(TaskCommandRouterDefinition, {
      sandboxWaitUntilReady: () => ({ readyAt: Date.now() / 1000 }),
    });
  }

  static async start(): Promise<RecordingModal> {
    const modal = new RecordingModal();
    modal.#port = await modal.#server.listen("127.0.0.1:0");
    return modal;
  }

  async stop(): Promise<void> {
    await this.#server.shutdown();
  }

  /** What leads the SDK here. */
  get env(): NodeJS.ProcessEnv {
    return {
      MODAL_SERVER_URL: `http://127.0.0.1:${this.#port}`,
      MODAL_TOKEN_ID: "ak-recorded",
      MODAL_TOKEN_SECRET: "as-recorded",
      MODAL_ENVIRONMENT: "main",
    };
  }

  /** The one request of a method. @throws Error where there is none, or another one */
  only(method: string): Record<string, unknown> {
    const [request, ...more] = this.requests.filter((recorded) => recorded.method === method);
    if (request !== undefined && more.length === 0) return request.message;
    const all = this.requests.map((recorded) => recorded.method).join(", ");
    throw new Error(`not one request of ${method}, but: ${all}`);
  }

  /** How often a method was asked. */
  count(method: string): number {
    return this.requests.filter((recorded) => recorded.method === method).length;
  }

  #controlPlane(): Record<string, Answer> {
    const access = () => ({ jwt: token(), url: `https://127.0.0.1:${this.#port}` });
    const named = (prefix: string) => (message: Record<string, unknown>) => ({
      [`${prefix}Id`]: `${prefix}-${String(message["deploymentName"] ?? message["appName"])}`,
      ...(prefix === "volume" ? { version: message["version"], metadata: { version: 2 } } : {}),
    });
    const waiting: Answer = async (_message, { signal }) => {
      await delay(HOUR_S * 1_000, undefined, { signal });
      return {};
    };
    return {
      authTokenGet: () => ({ token: token() }),
      appGetOrCreate: named("app"),
      imageGetByTag: ({ tag }) => ({ imageId: `im-${String(tag)}` }),
      volumeGetOrCreate: named("volume"),
      secretGetOrCreate: named("secret"),
      sandboxListV2: () => ({ sandboxes: [] }),
      sandboxCreate: () => ({ sandboxId: SANDBOX_V1 }),
      sandboxGetTaskId: () => ({ taskId: "ta-1" }),
      taskGetCommandRouterAccess: access,
      sandboxWait: waiting,
      sandboxCreateV2: () => ({
        sandboxId: SANDBOX_V2,
        taskId: "ta-2",
        commandRouterAccess: access(),
      }),
      sandboxWaitV2: waiting,
    };
  }

  #serve(
    definition: typeof ModalClientDefinition | typeof TaskCommandRouterDefinition,
    answers: Record<string, Answer>,
  ): void {
    const handlers = Object.keys(definition.methods).map((method) => [
      method,
      async (message: Record<string, unknown>, call: CallContext) => {
        this.requests.push({ method, message });
        const answer = this.answers[method] ?? answers[method];
        if (answer !== undefined) return answer(message, call);
        throw new ServerError(Status.UNIMPLEMENTED, `${method} is not recorded`);
      },
    ]);
    this.#server.add(definition as never, Object.fromEntries(handlers) as never);
  }
}

/** A token of which the SDK reads only when it ends. */
function token(): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "none" })}.${encode({ exp: Date.now() / 1000 + HOUR_S })}.`;
}
