import { statSync } from "node:fs";
import { join } from "node:path";
import { credentials, Client, Metadata, status, type ServiceError } from "@grpc/grpc-js";
import { ModalClient } from "modal";
import { beforeAll, describe, expect, test } from "vitest";
import { listeningAddresses } from "../support/listeners.ts";
import { useSession, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
useSession(home, "isolation");

let variables: Record<string, string> = {};
let pid = 0;

beforeAll(async () => {
  variables = (await home.json(["local", "serve"])) as Record<string, string>;
  ({
    emulator: { pid },
  } = (await home.json(["local", "status"])) as { emulator: { pid: number } });
});

describe("the emulator on this machine", () => {
  test("listens on loopback, and nowhere else", () => {
    const addresses = listeningAddresses(pid);
    expect(addresses).toContain(new URL(variables["MODAL_SERVER_URL"] ?? "").host);
    // A second port is that of the volumes' downloads, once something was downloaded.
    expect(addresses.length).toBeLessThanOrEqual(2);
    for (const address of addresses) expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test.each([
    "/modal.client.ModalClient/AuthTokenGet",
    "/modal.client.ModalClient/AppGetOrCreate",
    "/modal.client.ModalClient/SandboxListV2",
    "/modal.client.ModalClient/SecretGetOrCreate",
    "/modal.client.ModalClient/SandboxCreateV2",
    "/modal.client.ModalClient/ImageGetByTag",
    "/modal.client.ModalClient/FunctionGet",
    "/modal.task_command_router.TaskCommandRouter/TaskExecStart",
    "/modal.task_command_router.TaskCommandRouter/SandboxStdioReadV2",
    "/modal.task_command_router.TaskCommandRouter/TaskExecStdinWriteStream",
  ])("refuses %s without this user's token", async (method) => {
    expect(await statusOf(method, {})).toBe(status.UNAUTHENTICATED);
    const wrong = {
      "x-modal-token-id": variables["MODAL_TOKEN_ID"] ?? "",
      "x-modal-token-secret": "as-wrong",
      authorization: "Bearer e30.e30.e30",
    };
    expect(await statusOf(method, wrong)).toBe(status.UNAUTHENTICATED);
  });

  test("and so the SDK with another token", async () => {
    Object.assign(process.env, variables, { MODAL_LOGLEVEL: "error" });
    const modal = new ModalClient({ tokenSecret: "as-wrong" });
    await expect(modal.apps.fromName("parhelia")).rejects.toThrow(/UNAUTHENTICATED|Token/);
    modal.close();
  });

  test("keeps its state where only this user looks", () => {
    for (const name of [".", "credentials.json", "emulator.log", "requests.log"]) {
      expect(statSync(join(home.stateDirectory, name)).mode & 0o077, name).toBe(0);
    }
  });
});

/** The status with which the emulator answers an empty request. */
function statusOf(method: string, headers: Readonly<Record<string, string>>): Promise<status> {
  const client = new Client(
    new URL(variables["MODAL_SERVER_URL"] ?? "").host,
    credentials.createInsecure(),
  );
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const bytes = (message: Buffer): Buffer => message;
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null): void => {
      client.close();
      resolve(error?.code ?? status.OK);
    };
    client.makeUnaryRequest(method, bytes, bytes, Buffer.alloc(0), metadata, answered);
  });
}
