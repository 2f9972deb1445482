import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ClaudeHome,
  everything,
  itemOf,
  sentJson,
  sentPaths,
} from "../../../../../test/support/claude-home.ts";

/** In parts, so that no scanner of repositories takes them for real ones. */
const ANTHROPIC_KEY = ["sk", "ant", "api03-Zm9vYmFyYmF6cXV4"].join("-");
const GITHUB_TOKEN = ["ghp", "16C7e42F292c6912E7710c838347Ae178B4a"].join("_");

let person: ClaudeHome;

beforeEach(() => {
  person = new ClaudeHome();
});

afterEach(() => {
  person.cleanUp();
});

describe("secrets", () => {
  test("a planted secret is refused by name, the rest of the skill is sent, and no value appears", async () => {
    person.write(".claude/skills/deploy/SKILL.md", "Deploys.");
    person.write(".claude/skills/deploy/.env", `API=${GITHUB_TOKEN}`);
    person.write(".claude/skills/deploy/lib/config.js", `const key = "${ANTHROPIC_KEY}";`);
    person.write(".claude/skills/deploy/id_rsa", "no key at all");
    await untilCacheable();
    const collected = person.collect();
    expect(sentPaths(collected)).toEqual(["skills/deploy/SKILL.md"]);
    const refused = collected.plan.items.filter(({ verdict }) => verdict === "refused");
    expect(refused.map(({ name }) => name).sort()).toEqual([
      "skills/deploy/.env",
      "skills/deploy/id_rsa",
      "skills/deploy/lib/config.js",
    ]);
    expect(itemOf(collected, "skills/deploy/lib/config.js")?.detail).toContain(
      'an Anthropic key, or like it holds one; to send it all the same, add "skills/deploy/lib/config.js" to allow under [sync] in parhelia.toml',
    );
    expect(everything(collected)).not.toContain(ANTHROPIC_KEY);
    expect(everything(collected)).not.toContain(GITHUB_TOKEN);
    expect(readFileSync(cacheFile(), "utf8")).not.toContain(ANTHROPIC_KEY);

    const allowed = person.collect({ allow: ["skills/deploy/lib/config.js"] });
    expect(sentPaths(allowed)).toEqual(["skills/deploy/SKILL.md", "skills/deploy/lib/config.js"]);
  });

  test("values of settings are left out where Claude Code would take them as they are", () => {
    person.write(".claude/settings.json", {
      env: {
        ANTHROPIC_API_KEY: ANTHROPIC_KEY,
        MY_TOKEN: "abcdefgh",
        DATABASE_URL: "postgres://me:hunter2@db/x",
        MAX_THINKING_TOKENS: "4000",
        SSH_AUTH_TOKEN_FILE: "off",
        PATH: "/opt/homebrew/bin:/usr/bin",
      },
      hooks: {
        Stop: [{ hooks: [{ type: "command", command: `curl -H "X: ${GITHUB_TOKEN}" https://x` }] }],
      },
      permissions: {
        allow: [`Bash(curl -H ${GITHUB_TOKEN})`, "Bash(ls)"],
        deny: [`Bash(echo ${GITHUB_TOKEN})`],
      },
      odd: { apiKey: "0123456789abcdef" },
    });
    const collected = person.collect();
    expect(sentJson(collected, "settings.json")).toEqual({
      env: { MAX_THINKING_TOKENS: "4000", SSH_AUTH_TOKEN_FILE: "off" },
      hooks: {
        Stop: [{ hooks: [{ type: "command", command: 'curl -H "X: ${GITHUB_TOKEN}" https://x' }] }],
      },
      permissions: { allow: ["Bash(ls)"], deny: ["Bash(echo *)"] },
      odd: {},
    });
    expect(itemOf(collected, "env ANTHROPIC_API_KEY")).toMatchObject({
      verdict: "needs-login",
      detail: "its value is not sent: parhelia secret set anthropic-api-key ANTHROPIC_API_KEY",
    });
    expect(itemOf(collected, "env MY_TOKEN")?.detail).toContain(
      'parhelia secret set my-token MY_TOKEN, and add "my-token" to names under [secrets]',
    );
    expect(itemOf(collected, "odd.apiKey")?.verdict).toBe("refused");
    for (const value of [ANTHROPIC_KEY, GITHUB_TOKEN, "hunter2", "abcdefgh", "0123456789abcdef"]) {
      expect(everything(collected)).not.toContain(value);
    }
  });

  test("values of MCP servers become variables, which Claude Code expands there", () => {
    person.write(".claude.json", {
      mcpServers: {
        github: {
          type: "http",
          url: "https://mcp.example.com/?api_key=k1234567&x=1",
          headers: { Authorization: `Bearer ${GITHUB_TOKEN}`, "X-Team": "blue" },
        },
        "my db": {
          command: "bash",
          args: ["-c", "true", "--password", "pw-one", "postgres://me:pw-two@db/x", "--level=3"],
          env: { API_TOKEN: "first-value", LOG: "debug" },
        },
        other: { command: "bash", env: { API_TOKEN: "second-value", KEEP: "${KEEP}" } },
      },
    });
    const collected = person.collect();
    expect(sentJson(collected, "mcp_config.json")).toEqual({
      mcpServers: {
        github: {
          type: "http",
          url: "https://mcp.example.com/?api_key=${GITHUB_API_KEY}&x=1",
          headers: { Authorization: "Bearer ${GITHUB_TOKEN}", "X-Team": "blue" },
        },
        "my db": {
          command: "bash",
          args: [
            "-c",
            "true",
            "--password",
            "${MY_DB_PASSWORD}",
            "postgres://me:${MY_DB_PASSWORD_2}@db/x",
            "--level=3",
          ],
          env: { API_TOKEN: "${API_TOKEN}", LOG: "debug" },
        },
        other: { command: "bash", env: { API_TOKEN: "${OTHER_API_TOKEN}", KEEP: "${KEEP}" } },
      },
    });
    expect(itemOf(collected, "github")?.detail).toContain(
      "parhelia secret set github-token GITHUB_TOKEN",
    );
    expect(itemOf(collected, "other")).toMatchObject({ verdict: "needs-login" });
    expect(itemOf(collected, "other")?.detail).toContain("it takes KEEP from the environment");
    for (const value of [
      GITHUB_TOKEN,
      "k1234567",
      "pw-one",
      "pw-two",
      "first-value",
      "second-value",
    ]) {
      expect(everything(collected)).not.toContain(value);
    }
  });
});

/** Files younger than the clock's tick are not kept in the cache. */
function untilCacheable(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

function cacheFile(): string {
  const directory = join(person.directory, "cache", "parhelia", "sync");
  return join(directory, readdirSync(directory)[0] ?? "");
}
