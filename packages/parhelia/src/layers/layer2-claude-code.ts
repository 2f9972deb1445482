import { gzipSync } from "node:zlib";
import {
  ATTACH_PROGRAM,
  CHECKPOINT_BUNDLE,
  BATCH_BUNDLE,
  CONTAINER_BUNDLE,
  CONTAINER_PROGRAM,
  ENTRYPOINT,
  EXEC_PROGRAM,
  MCP_LAUNCHER_BUNDLE,
  MCP_LAUNCHER_PROGRAM,
  METRICS_BUNDLE,
  METRICS_PROGRAM,
  GIT_CREDENTIAL_PROGRAM,
  TERMINAL_PROGRAM,
  WORKSPACE_BUNDLE,
} from "../../container/protocol/paths.ts";
import type { ContainerProgram } from "./container-program.ts";
import type { ImageLayer, ImagePlatform, PinnedBinary } from "./image-plan.ts";
import { run, shellQuote } from "./shell.ts";

/** What `uname -m` prints on each platform. */
const MACHINES: Record<ImagePlatform, string> = { "linux-x64": "x86_64", "linux-arm64": "aarch64" };

/** Base64 in one command: below 64 KiB together with the shell around it, and whole 4-byte groups. */
const COMMAND_BASE64_BYTES = 60 * 1024;

/** Bun, for the sandbox's own program and for plugins' tooling. */
export function bunLayer(bun: PinnedBinary): ImageLayer {
  return {
    name: "bun",
    commands: [
      installPinnedBinary({ title: "Bun", binary: bun, member: "package/bin/bun", command: "bun" }),
      verifyVersion("bun", bun.version),
    ],
  };
}

/** Claude Code's native binary, and `claude --version` as a step that fails (SPEC-01.11, SPEC-01.AC1). */
export function claudeCodeLayer(claudeCode: PinnedBinary): ImageLayer {
  return {
    name: "claude-code",
    commands: [
      installPinnedBinary({
        title: "Claude Code",
        binary: claudeCode,
        member: "package/claude",
        command: "claude",
      }),
      verifyVersion("claude", claudeCode.version),
    ],
  };
}

/**
 * The MCP launcher (SPEC-01.13 step 3) and the metrics: apart from the program, since their libraries are large
 * and they seldom change.
 */
export function servicesLayer(program: ContainerProgram): ImageLayer {
  return {
    name: "services",
    commands: packSteps([
      ...writeCompressed(MCP_LAUNCHER_BUNDLE, program.mcpLauncherBundle),
      ...writeFile(MCP_LAUNCHER_PROGRAM, "0755", program.mcpLauncher),
      ...writeCompressed(METRICS_BUNDLE, program.metricsBundle),
      ...writeFile(METRICS_PROGRAM, "0755", program.metrics),
    ]),
  };
}

/** The sandbox's own program (decision D4), as content, since a build reads no local files. */
export function programLayer(program: ContainerProgram): ImageLayer {
  return {
    name: "program",
    commands: packSteps([
      ...writeFile(CONTAINER_BUNDLE, "0644", program.bundle),
      ...writeFile(CHECKPOINT_BUNDLE, "0644", program.checkpointBundle),
      ...writeFile(WORKSPACE_BUNDLE, "0644", program.workspaceBundle),
      ...writeFile(BATCH_BUNDLE, "0644", program.batchBundle),
      ...writeFile(CONTAINER_PROGRAM, "0755", program.container),
      ...writeFile(EXEC_PROGRAM, "0755", program.exec),
      ...writeFile(TERMINAL_PROGRAM, "0755", program.terminal),
      ...writeFile(ATTACH_PROGRAM, "0755", program.attach),
      ...writeFile(GIT_CREDENTIAL_PROGRAM, "0755", program.gitCredential),
      ...writeFile("/etc/gitconfig", "0644", program.gitConfig),
      ...writeFile("/etc/tmux.conf", "0644", program.tmuxConf),
      ...writeFile(ENTRYPOINT, "0755", program.entrypoint),
    ]),
  };
}

/** Download, check, unpack and remove in one step, so that no layer keeps the tarball. */
function installPinnedBinary(install: {
  readonly title: string;
  readonly binary: PinnedBinary;
  /** The binary's path in the npm package. */
  readonly member: string;
  /** Its name in /usr/local/bin. */
  readonly command: string;
}): string {
  const { title, binary, member, command } = install;
  const platforms = Object.entries(MACHINES) as [ImagePlatform, string][];
  const choices = platforms.map(([platform, machine]) => {
    const { tarballUrl, integrity } = binary.platforms[platform];
    return `${machine}) url=${shellQuote(tarballUrl)} sha512=${sha512Hex(integrity)} ;;`;
  });
  const unknown = `*) echo "parhelia: ${title} has no build for $(uname -m)" >&2; exit 1 ;;`;
  const mismatch = `parhelia: the download of ${title} ${binary.version} is not what parhelia.lock pins`;
  return run(
    `case "$(uname -m)" in ${choices.join(" ")} ${unknown} esac`,
    "cd /opt/parhelia",
    `curl -fsSL --retry 3 -o download.tgz "$url"`,
    `{ echo "$sha512  download.tgz" | sha512sum -c --quiet - || { echo ${shellQuote(mismatch)} >&2; exit 1; }; }`,
    `tar -xzf download.tgz --no-same-owner ${member}`,
    `install -m 0755 ${member} /usr/local/bin/${command}`,
    "rm -rf download.tgz package",
  );
}

/** A binary that starts but is another version is as wrong as one that does not start. */
function verifyVersion(command: string, version: string): string {
  const wanted = shellQuote(version);
  return run(
    `version="$(${command} --version)"`,
    `echo "${command} $version"`,
    `{ [ "\${version%% *}" = ${wanted} ] || { echo "parhelia: ${command} is $version instead of" ${wanted} >&2; exit 1; }; }`,
  );
}

/** A step of a `RUN`, and how much base64 it holds. */
interface WriteStep {
  readonly shell: string;
  readonly base64Bytes: number;
}

/** The same bytes give the same steps, so an unchanged program is a cached layer. */
function writeFile(path: string, mode: string, content: Uint8Array): WriteStep[] {
  const base64 = Buffer.from(content).toString("base64");
  const chunks = base64.match(new RegExp(`.{1,${COMMAND_BASE64_BYTES}}`, "g")) ?? [""];
  const steps = chunks.map((chunk, index) => ({
    shell: `echo ${chunk} | base64 -d ${index === 0 ? ">" : ">>"} ${path}`,
    base64Bytes: chunk.length,
  }));
  return [...steps, { shell: `chmod ${mode} ${path}`, base64Bytes: 0 }];
}

/** The same for what is large: a fifth of it travels. */
function writeCompressed(path: string, content: Uint8Array): WriteStep[] {
  return [
    ...writeFile(`${path}.gz`, "0644", gzipSync(content, { level: 9 })),
    { shell: `gunzip -f ${path}.gz`, base64Bytes: 0 },
  ];
}

/** As few `RUN` commands as hold the steps: each costs a start of a container. */
function packSteps(steps: readonly WriteStep[]): string[] {
  const commands: string[][] = [[]];
  let base64Bytes = 0;
  for (const step of steps) {
    base64Bytes += step.base64Bytes;
    if (base64Bytes > COMMAND_BASE64_BYTES) {
      commands.push([]);
      base64Bytes = step.base64Bytes;
    }
    commands.at(-1)?.push(step.shell);
  }
  return commands.map((shell) => run(...shell));
}

/** `sha512-BASE64`, as npm writes it, in the hexadecimal that `sha512sum` reads. */
function sha512Hex(integrity: string): string {
  const base64 = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(integrity)?.[1];
  if (base64 === undefined) throw new TypeError(`not a SHA-512 integrity: ${integrity}`);
  return Buffer.from(base64, "base64").toString("hex");
}
