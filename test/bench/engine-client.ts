import type { Engine } from "modal-emulator/admin";
import { runProgram } from "../support/run-program.ts";

const TIMEOUT_MS = 60_000;

/** The engine without Parhelia: what the measurements are held against. */
export interface EngineClient {
  /** Who speaks to the engine, for the table. */
  readonly label: string;
  /** `docker run --rm IMAGE true` */
  run(image: string): Promise<unknown>;
  /** `docker exec CONTAINER true` */
  exec(container: string): Promise<unknown>;
}

/** The docker client on the PATH where it can speak to the engine, else the engine's API. */
export async function findEngineClient(engine: Engine): Promise<EngineClient> {
  const env = { ...process.env, DOCKER_HOST: engine.address };
  const docker = async (...args: readonly string[]): Promise<string> => {
    const result = await runProgram("docker", args, { env, timeoutMs: TIMEOUT_MS });
    if (result.exitStatus === 0) return result.stdout.trim();
    throw new Error(`docker ${args.join(" ")} ended with ${result.exitStatus}: ${result.stderr}`);
  };
  try {
    const version = await docker("version", "--format", "{{.Client.Version}}");
    return {
      label: `docker ${version}`,
      run: (image) => docker("run", "--rm", "--entrypoint=", image, "true"),
      exec: (container) => docker("exec", container, "true"),
    };
  } catch {
    return overApi(engine);
  }
}

function overApi({ docker }: Engine): EngineClient {
  return {
    label: "Engine API",
    run: async (image) => {
      const container = await docker.createContainer({
        Image: image,
        Entrypoint: [],
        Cmd: ["true"],
      });
      await container.start();
      await container.wait();
      await container.remove();
    },
    exec: async (name) => {
      const container = docker.getContainer(name);
      const exec = await container.exec({ Cmd: ["true"], AttachStdout: true });
      const output = await exec.start({});
      output.resume();
      await new Promise((resolve) => output.once("end", resolve));
    },
  };
}
