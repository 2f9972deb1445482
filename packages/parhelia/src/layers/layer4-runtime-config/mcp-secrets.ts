import type { Finding } from "./command-reader.ts";
import { secretFinding, toVariableName, variableForKind } from "./secret-hints.ts";
import { findSecret, hasPassword, isSecretName, isSecretValue, replaceSecrets } from "./secrets.ts";
import type { McpServerEntry } from "./settings-shape.ts";

/** An entry without secrets. */
interface CleanEntry {
  readonly entry: McpServerEntry;
  readonly findings: readonly Finding[];
}

/** `--api-key=VALUE` and `API_KEY=VALUE`. */
const ASSIGNMENT = /^(-{0,2}[\w-]+=)(.*)$/s;

/** Replaces the secrets of MCP servers by variables. One object for all servers: a name is given once. */
export class McpSecrets {
  readonly #values = new Map<string, string>();
  #findings: Finding[] = [];

  clean(server: string, entry: McpServerEntry): CleanEntry {
    this.#findings = [];
    const { args, env, headers, url } = entry;
    const clean = {
      ...entry,
      ...(args === undefined ? {} : { args: this.#cleanArguments(server, args) }),
      ...(env === undefined ? {} : { env: this.#cleanEnvironment(server, env) }),
      ...(headers === undefined ? {} : { headers: this.#cleanHeaders(server, headers) }),
      ...(url === undefined ? {} : { url: this.#cleanUrl(server, url) }),
    };
    return { entry: clean, findings: this.#findings };
  }

  #cleanEnvironment(server: string, env: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(env).map(([name, value]) => [
        name,
        isSecretValue(name, value) ? this.#variable(server, name, value) : value,
      ]),
    );
  }

  /** `Bearer` and its like stay: only what follows is the secret. */
  #cleanHeaders(server: string, headers: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => {
        const [, scheme = "", rest = value] =
          /^(Bearer |Basic |Token |token )(.*)$/s.exec(value) ?? [];
        return [
          name,
          isSecretValue(name, rest)
            ? scheme + this.#variable(server, `${server}_${name}`, rest)
            : value,
        ];
      }),
    );
  }

  #cleanArguments(server: string, args: readonly string[]): string[] {
    return args.map((argument, index) => {
      const [, head, assigned] = ASSIGNMENT.exec(argument) ?? [];
      if (head !== undefined && assigned !== undefined) {
        const name = head.replaceAll(/^-+|=$/g, "");
        if (isSecretValue(name, assigned)) {
          return head + this.#variable(server, `${server}_${name}`, assigned);
        }
      }
      const flag = /^--?([\w-]+)$/.exec(args[index - 1] ?? "")?.[1];
      const isFlagsValue = flag !== undefined && isSecretName(flag) && !argument.startsWith("-");
      if (isFlagsValue && isSecretValue(flag, argument)) {
        return this.#variable(server, `${server}_${flag}`, argument);
      }
      return this.#cleanText(server, argument);
    });
  }

  #cleanUrl(server: string, url: string): string {
    const withoutQuery = url.replaceAll(
      /([?&])([^=&#]+)=([^&#]*)/g,
      (whole, mark: string, name: string, value: string) =>
        isSecretValue(name, value)
          ? `${mark}${name}=${this.#variable(server, `${server}_${name}`, value)}`
          : whole,
    );
    return this.#cleanText(server, withoutQuery);
  }

  /** Well-known secrets and passwords of addresses, anywhere in a text. */
  #cleanText(server: string, text: string): string {
    const clean = hasPassword(text)
      ? text.replace(
          /(\w:\/\/[^\s:@/]*:)([^\s@/]+)@/,
          (_all, head: string, password: string) =>
            `${head}${this.#variable(server, `${server}_PASSWORD`, password)}@`,
        )
      : text;
    return replaceSecrets(clean, (kind) => this.#variable(server, variableForKind(kind), clean));
  }

  /** `${NAME}` for a value; another name where another server has given this one to another value. */
  #variable(server: string, wanted: string, value: string): string {
    const kind = findSecret(value);
    const known = kind === undefined ? undefined : variableForKind(kind);
    const isOwn = wanted.startsWith(`${server}_`);
    const usual = known !== undefined && isOwn ? known : wanted;
    const base = toVariableName(usual);
    const own = toVariableName(usual === wanted && !isOwn ? `${server}_${wanted}` : usual);
    const numbered = [2, 3, 4, 5, 6, 7, 8, 9].map((number) => `${own}_${number}`);
    const name =
      [base, own, ...numbered].find((candidate) =>
        [undefined, value].includes(this.#values.get(candidate)),
      ) ?? own;
    this.#values.set(name, value);
    this.#findings.push(secretFinding(`the value of ${name}`, name));
    return `\${${name}}`;
  }
}
