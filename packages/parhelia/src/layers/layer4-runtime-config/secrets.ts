/** What a well-known kind of secret looks like. */
interface SecretPattern {
  readonly kind: string;
  /** Source of a regular expression, without groups that capture. */
  readonly source: string;
}

/** Prefixes that the issuers chose so that scanners find them. */
const PATTERNS: readonly SecretPattern[] = [
  { kind: "Anthropic key", source: String.raw`sk-ant-[\w-]{10,}` },
  { kind: "OpenAI key", source: String.raw`\bsk-(?:proj|svcacct|admin)-[\w-]{20,}` },
  { kind: "OpenAI key", source: String.raw`\bsk-[A-Za-z0-9]{40,}` },
  { kind: "GitHub token", source: String.raw`\bgh[opusr]_[A-Za-z0-9]{20,}` },
  { kind: "GitHub token", source: String.raw`\bgithub_pat_\w{20,}` },
  { kind: "GitLab token", source: String.raw`\bglpat-[\w-]{20,}` },
  { kind: "AWS access key", source: String.raw`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b` },
  {
    kind: "AWS secret key",
    source: String.raw`aws_secret_access_key["']?\s{0,4}[:=]\s{0,4}["']?[A-Za-z0-9/+]{40}`,
  },
  { kind: "Slack token", source: String.raw`\bxox[abeoprs]-[\w-]{10,}` },
  { kind: "Slack token", source: String.raw`\bxapp-\d-[\w-]{10,}` },
  { kind: "Slack webhook", source: String.raw`hooks\.slack\.com\/services\/T\w+\/B\w+\/\w+` },
  { kind: "private key", source: "-----BEGIN [A-Z ]{0,30}PRIVATE KEY" },
  { kind: "npm token", source: String.raw`\bnpm_[A-Za-z0-9]{36}\b` },
  { kind: "npm token", source: String.raw`_authToken\s{0,4}=\s{0,4}[\w-]{16,}` },
  { kind: "Google API key", source: String.raw`\bAIza[\w-]{35}` },
  { kind: "Stripe key", source: String.raw`\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}` },
  { kind: "Hugging Face token", source: String.raw`\bhf_[A-Za-z0-9]{30,}` },
  { kind: "PyPI token", source: String.raw`\bpypi-AgE[\w-]{20,}` },
  { kind: "DigitalOcean token", source: String.raw`\bdop_v1_[a-f0-9]{64}` },
  { kind: "SendGrid key", source: String.raw`\bSG\.[\w-]{16,}\.[\w-]{16,}` },
];

const WELL_KNOWN = new RegExp(PATTERNS.map(({ source }) => source).join("|"), "g");

const UNKNOWN_KIND = "password or key";

/** `"api_key": "…"` or `API_KEY=…` with a value that nobody would have chosen as a word. */
const ASSIGNED =
  /(?:key|secret|token|passw(?:or)?d|credential)s?["']?\s{0,4}[:=]\s{0,4}["'`]([\w+=-]{20,200})["'`]|^\s*(?:export\s+)?[A-Z0-9_]*(?:KEY|SECRET|TOKEN|PASSWORD)[A-Z0-9_]*=([\w+=-]{20,200})\s*$/gim;

/**
 * The kind of secret that a text seems to hold, or undefined. Places where a manual says "your key
 * here" do not count.
 */
export function findSecret(text: string): string | undefined {
  for (const [found] of text.matchAll(WELL_KNOWN)) {
    if (!isPlaceholder(found)) return kindOf(found);
  }
  for (const [, quoted, bare] of text.matchAll(ASSIGNED)) {
    if (isRandom(quoted ?? bare ?? "")) return UNKNOWN_KIND;
  }
  return undefined;
}

/** The text with each secret in it replaced by what `replacementFor` says for its kind. */
export function replaceSecrets(text: string, replacementFor: (kind: string) => string): string {
  return text
    .replaceAll(WELL_KNOWN, (found) =>
      isPlaceholder(found) ? found : replacementFor(kindOf(found)),
    )
    .replaceAll(ASSIGNED, (found: string, quoted?: string, bare?: string) => {
      const value = quoted ?? bare ?? "";
      return isRandom(value) ? found.replace(value, () => replacementFor(UNKNOWN_KIND)) : found;
    });
}

/** Files that hold a secret by their purpose, or undefined. Examples of such files do not. */
export function secretFileKind(name: string): string | undefined {
  if (/^\.env(\..+)?$|^\.envrc$/.test(name)) {
    return /\.(example|sample|template|dist)$/.test(name) ? undefined : "environment file";
  }
  if (/^id_(rsa|dsa|ecdsa|ed25519)(_sk)?$|\.(pem|p12|pfx|jks|keystore|ppk)$/i.test(name)) {
    return "key file";
  }
  if (/^\.(netrc|pgpass|git-credentials|pypirc|htpasswd|credentials\.json)$/.test(name)) {
    return "file of credentials";
  }
  return undefined;
}

/** Whether an environment variable, header or parameter of this name usually holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_WORD.test(name) || /[a-z](Key|Token|Secret|Password|Credentials?)$/.test(name);
}

const SECRET_WORD =
  /(^|[_-])(api|access|secret|private)?_?(key|token|secret|password|passwd|passphrase|credentials?|pat|auth|authorization|cookie)$|access[_-]?key/i;

/**
 * Whether a value under this name must not be sent: it looks like a secret, or its name says so and it
 * is no reference, path, number or switch.
 */
export function isSecretValue(name: string, value: string): boolean {
  if (findSecret(value) !== undefined || hasPassword(value)) return true;
  if (!isSecretName(name)) return false;
  return !/^$|^\$\{?\w+.*\}?$|^[~/.]|^\d+$|^(true|false|yes|no|on|off|none)$/i.test(value.trim());
}

/** An address with a password in it: `postgres://user:password@host`. */
export function hasPassword(value: string): boolean {
  return /\w:\/\/[^\s:@/]*:(?!\$\{)[^\s@/]+@/.test(value);
}

function kindOf(secret: string): string {
  return PATTERNS.find(({ source }) => new RegExp(source).test(secret))?.kind ?? "secret";
}

function isPlaceholder(found: string): boolean {
  return /x{4}|\byour[_-]|\.{3}/i.test(found);
}

/** Letters and digits change too often for words: 3 times in `base64UrlSha256`, 5 or 10 times in a key. */
function isRandom(value: string): boolean {
  if (isPlaceholder(value)) return false;
  const changes = value.match(/[A-Za-z](?=\d)|\d(?=[A-Za-z])/g)?.length ?? 0;
  return changes >= 4;
}
