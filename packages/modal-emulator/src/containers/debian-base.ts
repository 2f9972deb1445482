import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import type Docker from "dockerode";
import type { BuildLog } from "./build-log.ts";
import { DockerfileError } from "./dockerfile-words.ts";
import { KIND_LABEL } from "./labels.ts";
import { followProgress } from "./registry.ts";

const SUITE = "bookworm";

/** Debian's architectures by the engine's name for them. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  amd64: "amd64",
  aarch64: "arm64",
  arm64: "arm64",
};

/** What Debian's own slim image leaves out. */
const EXCLUDED = [
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/locale/*",
  "path-exclude=/usr/share/info/*",
];

/** What an image needs that no machine does: packages start no services, and leave no downloads behind. */
const SETTINGS: Readonly<Record<string, string>> = {
  "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
  "etc/apt/apt.conf.d/image":
    'APT::Keep-Downloaded-Packages "false";\nAcquire::Languages "none";\n',
};

/**
 * Makes Debian 12's slim image from Debian's packages, for a machine that reaches no image registry.
 * Takes some 20 s, and about as long as 50 MB take to download.
 * @throws DockerfileError when `mmdebstrap` is missing or fails
 */
export async function makeDebianImage(docker: Docker, tag: string, log: BuildLog): Promise<void> {
  const info = (await docker.info()) as { Architecture: string };
  const architecture = ARCHITECTURES[info.Architecture];
  if (architecture === undefined) {
    throw new DockerfileError(`there is no Debian for the engine's ${info.Architecture}`);
  }
  log.write(`   making Debian ${SUITE} (${architecture}) from its packages with mmdebstrap`);
  const sources = await hostSources();
  const child = spawn(
    "mmdebstrap",
    [
      "--variant=minbase",
      `--architectures=${architecture}`,
      ...EXCLUDED.map((option) => `--dpkgopt=${option}`),
      ...Object.entries(SETTINGS).map(writeFileHook),
      "--skip=chroot/policy-rc.d", // else it puts its own there, and takes ours away with it
      SUITE,
      "-",
      ...(sources === "" ? [] : ["-"]), // sources on its standard input, else its own for the suite
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  const tail: string[] = [];
  child.stderr.pipe(log.writable("info", (line) => tail.push(line)));
  child.stdin.on("error", () => undefined); // it may end before it reads
  child.stdin.end(sources);

  const imported = importArchive(docker, child.stdout, tag).catch((error: unknown) => {
    // Nobody reads what it writes any more.
    child.kill();
    child.stdout.destroy();
    throw error;
  });
  const [end, image] = await Promise.allSettled([once(child, "close"), imported]);
  if (end.status === "fulfilled" && end.value[0] === 0 && image.status === "fulfilled") return;
  // The engine takes whatever came out for an archive, even nothing.
  if (image.status === "fulfilled") await docker.getImage(tag).remove({ force: true });
  if (end.status === "rejected") throw explainStart(end.reason);
  if (image.status === "rejected" && child.killed) throw image.reason;
  throw new DockerfileError(`mmdebstrap failed:\n${tail.slice(-20).join("\n")}`);
}

function explainStart(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error;
  return new DockerfileError(
    "mmdebstrap, which makes the image from Debian's packages, is not installed; run: apt-get install -y mmdebstrap",
    { cause: error },
  );
}

function writeFileHook([path, content]: [string, string]): string {
  const file = `"$1/${path}"`;
  return `--customize-hook=printf '%s' '${content}' > ${file} && chmod 755 ${file}`;
}

async function importArchive(
  docker: Docker,
  archive: NodeJS.ReadableStream,
  tag: string,
): Promise<void> {
  const [repo, name] = tag.split(":");
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const answer = await docker.importImage(archive, {
    repo,
    tag: name,
    changes: [`ENV PATH=${path}`, 'CMD ["bash"]', `LABEL ${KIND_LABEL}=image`],
  });
  await followProgress(docker, answer);
}

/** The machine's own sources of the suite, as apt knows them; empty where it has none. */
async function hostSources(): Promise<string> {
  const format = "$(RELEASE) $(COMPONENT) $(REPO_URI)";
  try {
    const { stdout } = await promisify(execFile)("apt-get", [
      "indextargets",
      "--no-release-info",
      "--format",
      format,
      "Created-By: Packages",
    ]);
    const lines = stdout.split("\n").flatMap((line) => {
      const [release = "", component = "", uri] = line.split(" ");
      const isDebian = release === SUITE || release.startsWith(`${SUITE}-`);
      return uri && isDebian ? [`deb ${uri} ${release} ${component}\n`] : [];
    });
    // Additional repositories of this machine are no base for anybody's image.
    const hasSuite = lines.some((line) => line.includes(` ${SUITE} main\n`));
    return hasSuite ? [...new Set(lines)].join("") : "";
  } catch {
    return ""; // no apt: mmdebstrap will say so
  }
}
