import { PYTHON_VENV, SANDBOX_USER } from "../../container/protocol/paths.ts";
import type { ImageLayer } from "./image-plan.ts";
import { run, shellQuote } from "./shell.ts";

/** Layer 1 of SPEC-01: Debian 12. */
export const BASE_IMAGE = "debian:bookworm-slim";

/** The specification's packages (SPEC-01.11), and what Parhelia itself needs: tini, setpriv (util-linux). */
const OS_PACKAGES = [
  "build-essential",
  "ca-certificates",
  "curl",
  "git",
  "openssh-server",
  "procps",
  "python3",
  "python3-pip",
  "python3-psutil",
  "python3-venv",
  "tini",
  "tmux",
  "unzip",
];

/** The operating system, its user and its Python environment: changes with a release of Parhelia only. */
export function baseOsLayer(): ImageLayer {
  return {
    name: "base-os",
    commands: [installPackages(OS_PACKAGES), addUser(), addPythonEnvironment()],
  };
}

/**
 * The user's own packages (`[image] apt`, `[image] pip`), or null where there are none.
 * Names and version constraints are passed on as they are, each as one word.
 */
export function extraPackagesLayer(extra: {
  readonly apt: readonly string[];
  readonly pip: readonly string[];
}): ImageLayer | null {
  const commands: string[] = [];
  if (extra.apt.length > 0) commands.push(installPackages(extra.apt));
  if (extra.pip.length > 0) commands.push(installPythonPackages(extra.pip, { setting: "pip" }));
  return commands.length > 0 ? { name: "extra-packages", commands } : null;
}

/** Python packages that bring CUDA, and the package index that has them. */
export interface CudaPackages {
  readonly pip: readonly string[];
  readonly index: string;
}

/**
 * What the variant `parhelia-gpu` has besides (SPEC-01.10): by default PyTorch with CUDA 12.1. The driver,
 * `nvidia-smi` and `libcuda` are the machine's, which gives them to the container. Null without packages.
 */
export function cudaLayer({ pip, index }: CudaPackages): ImageLayer | null {
  if (pip.length === 0) return null;
  return {
    name: "cuda",
    commands: [installPythonPackages(pip, { setting: "gpu_pip", index })],
  };
}

/** The host keys that openssh-server makes at its installation would be the same in every sandbox. */
function installPackages(packages: readonly string[]): string {
  return run(
    "apt-get update",
    `DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -- ${packages.map(shellQuote).join(" ")}`,
    "rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /etc/ssh/ssh_host_*",
  );
}

/** `/var/lib/parhelia` holds the session's Claude configuration; only init makes directories in it. */
function addUser(): string {
  const { name, uid, gid, home } = SANDBOX_USER;
  return run(
    `groupadd --gid ${gid} ${name}`,
    `useradd --uid ${uid} --gid ${gid} --create-home --home-dir ${home} --shell /bin/bash ${name}`,
    "mkdir -p /opt/parhelia /var/lib/parhelia",
  );
}

/** Owned by the user, so that `pip install` works in a session without touching Debian's Python. */
function addPythonEnvironment(): string {
  const { uid, gid } = SANDBOX_USER;
  return run(
    `python3 -m venv --system-site-packages ${PYTHON_VENV}`,
    `chown -R ${uid}:${gid} ${PYTHON_VENV}`,
  );
}

/** @param source the setting that names the packages, and the package index where it is not pip's own */
function installPythonPackages(
  packages: readonly string[],
  { setting, index }: { readonly setting: "pip" | "gpu_pip"; readonly index?: string },
): string {
  const words = packages.map(shellQuote).join(" ");
  const from = index === undefined ? "" : `--index-url ${shellQuote(index)} `;
  const explanation = shellQuote(
    `parhelia: pip could not install the packages of [image] ${setting}. If no package index was reachable ` +
      `(see the lines above), build without them: set ${setting} = [] under [image] in parhelia.toml.`,
  );
  // setpriv: the environment belongs to the user, and what pip runs at installation needs no root.
  return (
    `RUN setpriv --reuid=${SANDBOX_USER.uid} --regid=${SANDBOX_USER.gid} --clear-groups ` +
    `env HOME=${SANDBOX_USER.home} ${PYTHON_VENV}/bin/pip install --no-cache-dir --disable-pip-version-check ${from}-- ${words} ` +
    `|| { echo ${explanation} >&2; exit 1; }`
  );
}
