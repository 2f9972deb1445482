import type { Finding } from "./command-reader.ts";
import { findSecret, replaceSecrets } from "./secrets.ts";

/** Named secrets that every sandbox gets where they exist, by the variable that they set (SPEC-01.14). */
const KNOWN_SECRETS: Readonly<Record<string, string>> = {
  ANTHROPIC_API_KEY: "anthropic-api-key",
  ANTHROPIC_AUTH_TOKEN: "anthropic-api-key",
  CLAUDE_CODE_OAUTH_TOKEN: "anthropic-api-key",
  GITHUB_TOKEN: "github-token",
  GH_TOKEN: "github-token",
};

/** Variables that people already use for a kind of secret. */
const USUAL_VARIABLES: Readonly<Record<string, string>> = {
  "Anthropic key": "ANTHROPIC_API_KEY",
  "OpenAI key": "OPENAI_API_KEY",
  "AWS access key": "AWS_ACCESS_KEY_ID",
  "AWS secret key": "AWS_SECRET_ACCESS_KEY",
};

/** A name that environment variables can have: `linear app` becomes `LINEAR_APP`. */
export function toVariableName(text: string): string {
  const name = text
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "");
  return /^[A-Z]/.test(name) ? name : `SECRET_${name}`;
}

/** The variable that stands for a secret of this kind where it had no name. */
export function variableForKind(kind: string): string {
  return USUAL_VARIABLES[kind] ?? toVariableName(kind);
}

/** What the user types so that sandboxes have a variable whose value was not sent. */
export function secretFinding(what: string, variable: string): Finding {
  const known = KNOWN_SECRETS[variable];
  const name = known ?? variable.toLowerCase().replaceAll("_", "-");
  const listing =
    known === undefined ? `, and add "${name}" to names under [secrets] in parhelia.toml` : "";
  return {
    verdict: "needs-login",
    note: `${what} is not sent: parhelia secret set ${name} ${variable}${listing}`,
  };
}

/** A text in which each secret is a variable, `${NAME}`, and the finding about each. */
export function withoutSecrets(
  text: string,
  what: string,
): { readonly text: string; readonly findings: readonly Finding[] } {
  if (findSecret(text) === undefined) return { text, findings: [] };
  const findings: Finding[] = [];
  const replaced = replaceSecrets(text, (kind) => {
    const variable = variableForKind(kind);
    findings.push(secretFinding(`the ${kind} in ${what}`, variable));
    return `\${${variable}}`;
  });
  return { text: replaced, findings };
}
