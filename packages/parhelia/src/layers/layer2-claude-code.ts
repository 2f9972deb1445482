import {
  CONTAINER_BUNDLE,
  CONTAINER_PROGRAM,
  ENTRYPOINT,
  EXEC_PROGRAM,
} from "../../container/protocol/paths.ts";
import type { ContainerProgram } from "./container-program.ts";
import type { ImageLayer, ImagePlatform, PinnedBinary } from "./image-plan.ts";
import { run, shellQuote } from "./shell.ts";

/** What `uname -m` prints on each platform. */
const MACHINES: Record<ImagePlatform, string> = { "linux-x64": "x86_64", "linux-arm64": "aarch64" };

/** Base64 of one command: below 64 KiB together with the shell around it, and whole 4-byte groups. */
const BASE64_CHUNK_BYTES = 60 * 1024;

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

/** The sandbox's own program (decision D4), as content, since a build reads no local files. */
export function programLayer(program: ContainerProgram): ImageLayer {
  return {
    name: "program",
    commands: [
      ...writeFile(CONTAINER_BUNDLE, "0644", program.bundle),
      ...writeFile(CONTAINER_PROGRAM, "0755", program.container),
      ...writeFile(EXEC_PROGRAM, "0755", program.exec),
      ...writeFile("/etc/tmux.conf", "0644", program.tmuxConf),
      ...writeFile(ENTRYPOINT, "0755", program.entrypoint),
    ],
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

/** The same bytes give the same commands, so an unchanged program is a cached layer. */
function writeFile(path: string, mode: string, content: Uint8Array): string[] {
  const base64 = Buffer.from(content).toString("base64");
  const chunks = base64.match(new RegExp(`.{1,${BASE64_CHUNK_BYTES}}`, "g")) ?? [""];
  return chunks.map((chunk, index) => {
    const write = `echo ${chunk} | base64 -d ${index === 0 ? ">" : ">>"} ${path}`;
    return index === chunks.length - 1 ? run(write, `chmod ${mode} ${path}`) : run(write);
  });
}

/** `sha512-BASE64`, as npm writes it, in the hexadecimal that `sha512sum` reads. */
function sha512Hex(integrity: string): string {
  const base64 = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(integrity)?.[1];
  if (base64 === undefined) throw new TypeError(`not a SHA-512 integrity: ${integrity}`);
  return Buffer.from(base64, "base64").toString("hex");
}
