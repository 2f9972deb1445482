import { DockerfileError, expand, parseJsonForm, splitWords } from "./dockerfile-words.ts";
import type { Instruction } from "./dockerfile.ts";

/** An image's configuration, as far as a layer changes it; in the engine's own words. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[] | null;
  readonly Cmd?: string | readonly string[] | null | undefined;
  readonly Entrypoint?: string | readonly string[] | null | undefined;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly ExposedPorts?: Readonly<Record<string, unknown>> | null | undefined;
  readonly Shell?: readonly string[] | null | undefined;
  readonly StopSignal?: string | undefined;
}

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEFAULT_SHELL = ["/bin/sh", "-c"];

interface State {
  config: ImageConfig;
  readonly env: Map<string, string>;
  readonly args: Map<string, string>;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly lookup: (name: string) => string | undefined;
  cmdIsOwn: boolean;
}

/** What the instructions of a layer have made of its base's configuration so far. */
export class LayerConfig {
  readonly #state: State;
  #changed = false;

  constructor(base: ImageConfig, buildArgs: Readonly<Record<string, string>>) {
    const env = new Map((base.Env ?? []).map(splitAssignment));
    if (!env.has("PATH")) env.set("PATH", DEFAULT_PATH);
    const args = new Map<string, string>();
    const lookup = (name: string) => env.get(name) ?? args.get(name);
    this.#state = { config: base, env, args, buildArgs, lookup, cmdIsOwn: false };
  }

  /** Whether an instruction has changed the configuration. */
  get changed(): boolean {
    return this.#changed;
  }

  get user(): string {
    return this.#state.config.User ?? "";
  }

  get workingDirectory(): string {
    return this.#state.config.WorkingDir || "/";
  }

  set workingDirectory(path: string) {
    this.#state.config = { ...this.#state.config, WorkingDir: path };
    this.#changed = true;
  }

  get shell(): readonly string[] {
    return shellOf(this.#state);
  }

  /** Resolves quotes and variables. */
  expand(text: string): string {
    return expand(text, this.#state.lookup);
  }

  /** Resolves variables, and a relative path against the working directory. */
  resolvePath(text: string): string {
    const path = this.expand(text);
    return path.startsWith("/") ? path : `${this.workingDirectory.replace(/\/$/, "")}/${path}`;
  }

  /** A command's words: those of its JSON form, or the shell's with the text. */
  commandWords(text: string): string[] {
    return commandWords(this.#state, text);
  }

  /** Environment of a RUN. `around` is weaker than the image's own, `secrets` are stronger. */
  runEnvironment(
    around: Readonly<Record<string, string>>,
    secrets: Readonly<Record<string, string>>,
  ): string[] {
    const { args, env } = this.#state;
    return joinAssignments({ ...around, ...Object.fromEntries([...args, ...env]), ...secrets });
  }

  /** Applies an instruction that only changes the configuration; false where it is another one. */
  apply({ keyword, text }: Instruction): boolean {
    const change = METADATA[keyword];
    if (change === undefined) return false;
    change(this.#state, text);
    if (keyword !== "ARG") this.#changed = true;
    return true;
  }

  /** The configuration of the layer's image, with these labels. */
  result(labels: Readonly<Record<string, string>>): ImageConfig {
    const { config, env } = this.#state;
    return {
      ...config,
      Env: joinAssignments(Object.fromEntries(env)),
      // Empty and not absent: the engine would fill in those of the container.
      Cmd: config.Cmd ?? [],
      Entrypoint: config.Entrypoint ?? [],
      Labels: { ...config.Labels, ...labels },
    };
  }
}

const METADATA: Readonly<Record<string, (state: State, text: string) => void>> = {
  ENV: (state, text) => {
    for (const [name, value] of assignments("ENV", text, state)) state.env.set(name, value);
  },
  LABEL: (state, text) => {
    const labels = Object.fromEntries(assignments("LABEL", text, state));
    state.config = { ...state.config, Labels: { ...state.config.Labels, ...labels } };
  },
  ARG: (state, text) => {
    for (const word of splitWords(text)) {
      const [name, preset] = splitAssignment(word);
      const given = state.buildArgs[name];
      if (given !== undefined) state.args.set(name, given);
      else if (word.includes("=")) state.args.set(name, expand(preset, state.lookup));
    }
  },
  USER: (state, text) => {
    state.config = { ...state.config, User: expand(text, state.lookup) };
  },
  CMD: (state, text) => {
    state.config = { ...state.config, Cmd: commandWords(state, text) };
    state.cmdIsOwn = true;
  },
  ENTRYPOINT: (state, text) => {
    // A CMD that was meant for the base's entry point means nothing to another one.
    const cmd = state.cmdIsOwn ? state.config.Cmd : [];
    state.config = {
      ...state.config,
      Entrypoint: commandWords(state, text),
      ...(cmd === undefined ? {} : { Cmd: cmd }),
    };
  },
  EXPOSE: (state, text) => {
    const ports = splitWords(text).map((word) => expand(word, state.lookup));
    const exposed = ports.map((port) => [port.includes("/") ? port : `${port}/tcp`, {}] as const);
    state.config = {
      ...state.config,
      ExposedPorts: { ...state.config.ExposedPorts, ...Object.fromEntries(exposed) },
    };
  },
  SHELL: (state, text) => {
    const words = parseJsonForm(text);
    if (words === undefined || words.length === 0) {
      throw new DockerfileError('it takes a JSON list of words, such as ["/bin/bash", "-c"]');
    }
    state.config = { ...state.config, Shell: words };
  },
  STOPSIGNAL: (state, text) => {
    state.config = { ...state.config, StopSignal: expand(text, state.lookup) };
  },
};

function shellOf(state: State): readonly string[] {
  return state.config.Shell ?? DEFAULT_SHELL;
}

function commandWords(state: State, text: string): string[] {
  return parseJsonForm(text) ?? [...shellOf(state), text];
}

/** `NAME=value …`, or the old form `NAME value with spaces`. All see the variables from before. */
function assignments(keyword: string, text: string, { lookup }: State): [string, string][] {
  const words = splitWords(text);
  if (words[0]?.includes("=") !== true) {
    const [, name, value = ""] = /^(\S+)\s+(.+)$/s.exec(text) ?? [];
    if (name === undefined) throw new DockerfileError(`${keyword} takes a name and a value`);
    return [[name, expand(value, lookup)]];
  }
  return words.map((word) => {
    if (!word.includes("=")) throw new DockerfileError(`"${word}" is not of the form NAME=value`);
    const [name, value] = splitAssignment(word);
    return [expand(name, lookup), expand(value, lookup)];
  });
}

function splitAssignment(text: string): [string, string] {
  const at = text.indexOf("=");
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function joinAssignments(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}
