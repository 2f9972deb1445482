/** What the image knows of a program. */
export type ProgramState =
  | { readonly state: "present" }
  | { readonly state: "installable"; readonly how: string }
  | { readonly state: "only-here"; readonly why: string }
  | { readonly state: "unknown" };

/** Packages that the user's `[image]` section adds. */
export interface ImagePackages {
  readonly apt: readonly string[];
  readonly pip: readonly string[];
}

/** The shell's own words, and what the image's Debian packages and Parhelia bring. */
const PRESENT = new Set(
  [
    "[ [[ . : alias break case cd continue declare done echo esac eval exit export false fi for function if in",
    "let local printf pwd read readonly return set shift source test trap true type typeset ulimit umask unset wait }",
    "awk base64 basename bash cat chmod chown cksum comm cp cut date dd df diff dirname du egrep env expand expr",
    "factor fgrep find flock fold getopt grep groups gzip gunzip head hostname id install join kill ln logger",
    "ls md5sum mkdir mkfifo mktemp more mv nice nl nohup nproc od paste perl pgrep pkill printenv ps readlink",
    "realpath rm rmdir sed seq setsid sha1sum sha256sum sha512sum sh shuf sleep sort split stat stdbuf stty sum",
    "sync tac tail tar tee timeout top touch tr truncate tsort tty uname uniq unlink uptime wc which whoami xargs",
    "yes zcat zdiff zgrep bzip2 xz patch watch free w",
    "bun bunx cc claude curl g++ gcc git make openssl pip pip3 python python3 python3.11 scp sftp ssh ssh-keygen",
    "tmux unzip",
  ]
    .join(" ")
    .split(" "),
);

/** Debian packages by the programs that they bring. */
const APT: Readonly<Record<string, readonly string[]>> = {
  node: ["nodejs"],
  npm: ["nodejs", "npm"],
  npx: ["nodejs", "npm"],
  jq: ["jq"],
  rg: ["ripgrep"],
  fdfind: ["fd-find"],
  bat: ["bat"],
  gh: ["gh"],
  go: ["golang-go"],
  gofmt: ["golang-go"],
  cargo: ["cargo"],
  rustfmt: ["rustfmt"],
  ruby: ["ruby"],
  gem: ["ruby"],
  php: ["php-cli"],
  java: ["default-jre-headless"],
  sqlite3: ["sqlite3"],
  psql: ["postgresql-client"],
  mysql: ["default-mysql-client"],
  "redis-cli": ["redis-tools"],
  rsync: ["rsync"],
  wget: ["wget"],
  zip: ["zip"],
  zsh: ["zsh"],
  fish: ["fish"],
  ffmpeg: ["ffmpeg"],
  convert: ["imagemagick"],
  pandoc: ["pandoc"],
  bc: ["bc"],
  vim: ["vim"],
  nvim: ["neovim"],
  nc: ["netcat-openbsd"],
  socat: ["socat"],
  tree: ["tree"],
  shellcheck: ["shellcheck"],
  shfmt: ["shfmt"],
  "clang-format": ["clang-format"],
  cmake: ["cmake"],
  lua: ["lua5.4"],
  file: ["file"],
  gpg: ["gnupg"],
  less: ["less"],
  rev: ["bsdextrautils"],
};

/** Python packages by the programs that they bring. */
const PIP: Readonly<Record<string, string>> = {
  uv: "uv",
  uvx: "uv",
  pipx: "pipx",
  poetry: "poetry",
  black: "black",
  ruff: "ruff",
  isort: "isort",
  mypy: "mypy",
  pyright: "pyright",
  pytest: "pytest",
  flake8: "flake8",
  aws: "awscli",
};

/** Programs of a desktop or of another system, with what they would need. */
const ONLY_HERE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    "osascript afplay say terminal-notifier pbcopy pbpaste open defaults security launchctl caffeinate sw_vers brew xcrun"
      .split(" ")
      .map((name) => [name, "it is a program of macOS"]),
  ),
  ...Object.fromEntries(
    "notify-send xdg-open paplay aplay pactl xclip xsel wl-copy wl-paste xdotool zenity dbus-send gdbus"
      .split(" ")
      .map((name) => [name, "it needs a desktop"]),
  ),
  ...Object.fromEntries(
    "docker docker-compose podman".split(" ").map((name) => [name, "it needs a container engine"]),
  ),
  ...Object.fromEntries(
    "powershell powershell.exe pwsh cmd cmd.exe wsl.exe wslpath explorer.exe clip.exe"
      .split(" ")
      .map((name) => [name, "it is a program of Windows"]),
  ),
};

/** Which programs a sandbox's image has, and what to write under `[image]` for others. */
export class ImagePrograms {
  readonly #packages: ImagePackages;

  constructor(packages: ImagePackages) {
    this.#packages = packages;
  }

  /** @param name file name of a program, without its directory */
  look(name: string): ProgramState {
    if (PRESENT.has(name)) return { state: "present" };
    const why = ONLY_HERE[name];
    if (why !== undefined) return { state: "only-here", why };
    const apt = APT[name];
    if (apt !== undefined) return this.#need("apt", apt);
    const pip = PIP[name];
    if (pip !== undefined) return this.#need("pip", [pip]);
    // A package of the user's own list often has the name of its program.
    return this.#has("apt", name) || this.#has("pip", name)
      ? { state: "present" }
      : { state: "unknown" };
  }

  /** Whether Python can import a module, and which package usually has it. */
  lookModule(module: string): ProgramState {
    const name = module.split(".")[0] ?? module;
    if (/^(http|json|venv|pip|unittest|pdb|timeit|zipfile|asyncio|site|sysconfig)$/.test(name)) {
      return { state: "present" };
    }
    return this.#need("pip", [name.replaceAll("_", "-")]);
  }

  #need(list: keyof ImagePackages, names: readonly string[]): ProgramState {
    if (names.every((name) => this.#has(list, name))) return { state: "present" };
    const quoted = names.map((name) => JSON.stringify(name)).join(", ");
    return {
      state: "installable",
      how: `add ${quoted} to ${list} under [image] in parhelia.toml, then: parhelia image build`,
    };
  }

  /** Lists have `name=version` and `name[extra]>=1.2` as well. */
  #has(list: keyof ImagePackages, name: string): boolean {
    return this.#packages[list].some(
      (entry) => (/^[A-Za-z0-9+._-]+/.exec(entry)?.[0] ?? "").toLowerCase() === name.toLowerCase(),
    );
  }
}
