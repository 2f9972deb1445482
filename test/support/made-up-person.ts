import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClaudeHome } from "./claude-home.ts";
import { MCP_SERVER, writeMarketplace } from "./made-up-plugins.ts";
import { runProgram } from "./run-program.ts";

/** Stands for a git host: git is told to find it in the file system. */
const GIT_HOST = "https://git.example.test";

const PAGE = "---\nname: NAME\ndescription: made up\n---\nSay hello.\n";

/** A person whose Claude Code is set up with one of everything, by the real Claude Code where it can be. */
export class MadeUpPerson extends ClaudeHome {
  /** A directory of theirs that is no project. */
  readonly elsewhere: string;
  readonly #claude: string;

  /** @param claude path of the real program, in a directory of that name alone */
  constructor(claude: string) {
    super("jörg ængström");
    this.#claude = claude;
    this.elsewhere = join(this.directory, "else where");
    mkdirSync(this.elsewhere);
  }

  override get env(): NodeJS.ProcessEnv {
    return { ...super.env, PATH: `${join(this.#claude, "..")}:${process.env["PATH"] ?? ""}` };
  }

  /** @returns what the person's Claude Code prints */
  async claude(...args: string[]): Promise<string> {
    const env = {
      ...this.env,
      DISABLE_UPDATES: "1",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    };
    const options = { env, cwd: this.elsewhere, timeoutMs: 60_000 };
    const { exitStatus, stdout, stderr } = await runProgram(this.#claude, args, options);
    if (exitStatus !== 0) throw new Error(`claude ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  /** A skill, an agent or a command that says hello. */
  page(path: string, name: string): void {
    this.write(path, PAGE.replace("NAME", name));
  }

  /** Plugins of a directory and of a git repository. */
  async installPlugins(): Promise<void> {
    const own = join(this.home, "own plugins");
    writeMarketplace(own, "acme", ["alpha", "beta"]);
    const repository = join(this.directory, "repository");
    writeMarketplace(repository, "shared", ["gamma"]);
    const git = (...args: string[]) =>
      execFileSync(
        "git",
        ["-C", repository, "-c", "user.name=A", "-c", "user.email=a@b.test", ...args],
        {
          env: this.env,
        },
      );
    git("init", "--quiet", "--initial-branch=main");
    git("add", "--all");
    git("commit", "--quiet", "--message=Plugins");
    git("clone", "--quiet", "--bare", repository, join(this.directory, "plugins.git"));
    const insteadOf = `[url "file://${this.directory}/"]\n\tinsteadOf = ${GIT_HOST}/\n`;
    writeFileSync(join(this.home, ".gitconfig"), insteadOf);
    await this.claude("plugin", "marketplace", "add", own);
    await this.claude("plugin", "marketplace", "add", `${GIT_HOST}/plugins.git`);
    for (const id of ["alpha@acme", "beta@acme", "gamma@shared"]) {
      await this.claude("plugin", "install", id);
    }
  }

  /** User-scope MCP servers: one that works, one without its program, one that hangs, one over HTTP. */
  async addServers(httpUrl: string): Promise<void> {
    const server = this.write("own servers/größe.py", MCP_SERVER, 0o755);
    const add = (name: string, ...command: string[]) =>
      this.claude("mcp", "add", "--scope", "user", name, "--", ...command);
    await add("own", server, "own");
    await add("missing", "no-such-program-anywhere");
    await add("hanging", "sleep", "4321");
    await this.claude("mcp", "add", "--scope", "user", "--transport", "http", "web", httpUrl);
  }

  /** Memory, skills, an agent, a command and hooks, some of them behind links, one with a secret. */
  writeConfiguration(settings: object): void {
    this.write("notes/ünter wegs.md", "The imported word is medlar.");
    this.write(".claude/CLAUDE.md", "The word of the day is quince.\n\n@~/notes/ünter\\ wegs.md\n");
    this.page(".claude/skills/ab läuft/SKILL.md", "ab läuft");
    this.page("dotfiles/skills/linked/SKILL.md", "linked");
    this.link(".claude/skills/linked", join(this.home, "dotfiles/skills/linked"));
    this.page(".claude/agents/reviewer.md", "reviewer");
    this.page(".claude/commands/release notes/ship it.md", "ship it");
    const hook = this.write("bin/my hook.sh", '#!/bin/sh\necho "own" >> "$HOOK_LOG"\n', 0o755);
    this.addSettings({
      ...settings,
      hooks: { UserPromptSubmit: [{ hooks: [{ type: "command", command: `"${hook}"` }] }] },
    });
  }

  /** Lays settings over those that the person has. */
  addSettings(settings: object): void {
    const file = join(this.configDir, "settings.json");
    const before = JSON.parse(readFileSync(file, "utf8")) as object;
    this.write(file, { ...before, ...settings });
  }
}
