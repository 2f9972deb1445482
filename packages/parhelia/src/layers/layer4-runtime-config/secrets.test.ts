import { describe, expect, test } from "vitest";
import {
  findSecret,
  hasPassword,
  isSecretValue,
  replaceSecrets,
  secretFileKind,
} from "./secrets.ts";

/** Put together here, so that no scanner of repositories takes them for real ones. */
function made(...parts: readonly string[]): string {
  return parts.join("");
}

const RANDOM_40 = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";

describe("what looks like a secret", () => {
  test.each([
    ["Anthropic key", made("sk-", "ant-api03-", RANDOM_40)],
    ["OpenAI key", made("sk-", "proj-", RANDOM_40)],
    ["GitHub token", made("gh", "p_", RANDOM_40)],
    ["GitHub token", made("gh", "o_", RANDOM_40)],
    ["GitHub token", made("github", "_pat_", RANDOM_40)],
    ["AWS access key", made("AK", "IA", "IOSFODNN7EXAMPLE")],
    ["Slack token", made("xo", "xb-", "123456789012-abcdef")],
    ["private key", made("-----BEGIN ", "OPENSSH PRIVATE KEY-----")],
    ["private key", made("-----BEGIN ", "PRIVATE KEY-----")],
    ["npm token", made("npm", "_", RANDOM_40.slice(0, 36))],
    ["Google API key", made("AI", "za", RANDOM_40.slice(0, 35))],
    ["Stripe key", made("sk", "_live_", RANDOM_40)],
    ["password or key", made('"api_', 'key": "', RANDOM_40, '"')],
    ["password or key", made("export SERVICE_TO", "KEN=", RANDOM_40)],
  ])("%s", (kind, text) => {
    expect(findSecret(`before ${text}\nafter`.replace("before export", "export"))).toBe(kind);
    const clean = replaceSecrets(`x ${text}`.replace("x export", "export"), () => "GONE");
    expect(clean).toContain("GONE");
    expect(clean).not.toContain(RANDOM_40.slice(0, 35));
  });

  test.each([
    "export ANTHROPIC_API_KEY=sk-ant-...",
    "sk-ant-your-key-here goes here",
    "ANTHROPIC_API_KEY=sk-ant-xxxxxxxxxxxxxxxx",
    "const token = getTokenFromRequestHeaders2024();",
    'secret: "my-super-secret-token-name-2024"',
    "password: process.env.DATABASE_PASSWORD",
    "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "task-antelope risk-ant-hill",
    "-----BEGIN CERTIFICATE-----",
    'key = "a-quite-long-name-of-some-thing"',
  ])("not: %s", (text) => {
    expect(findSecret(text)).toBeUndefined();
  });
});

test("files that hold secrets by their purpose", () => {
  for (const name of [".env", ".env.local", "server.pem", "id_ed25519", ".netrc", "a.p12"]) {
    expect(secretFileKind(name), name).toBeDefined();
  }
  for (const name of [".env.example", "id_rsa.pub", "environment.md", "pem.md", ".npmrc"]) {
    expect(secretFileKind(name), name).toBeUndefined();
  }
});

test.each([
  ["GITHUB_TOKEN", "abc", true],
  ["DB_PASSWORD", "x", true],
  ["apiKey", "abc", true],
  ["X-Api-Key", "abc", true],
  ["GITHUB_TOKEN", "${GITHUB_TOKEN}", false],
  ["GITHUB_TOKEN", "", false],
  ["SSH_KEY", "/home/me/.ssh/id", false],
  ["MAX_THINKING_TOKENS", "9000", false],
  ["TOKEN", "true", false],
  ["MONKEY", "see", false],
  ["OPENAI_APIKEY", "abc", true],
  ["LOG_LEVEL", "debug", false],
  ["URL", "https://user:pw@host/", true],
])("%s=%s", (name, value, expected) => {
  expect(isSecretValue(name, value)).toBe(expected);
});

test("passwords in addresses", () => {
  expect(hasPassword("redis://:pw@host:6379")).toBe(true);
  expect(hasPassword("postgres://me:${PW}@host")).toBe(false);
  expect(hasPassword("ssh://git@host/x:y@z")).toBe(false);
  expect(hasPassword("https://host:80/a@b")).toBe(false);
});
