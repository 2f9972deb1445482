import { ASPECTS, type Aspect, type ClaudeView } from "./claude-view.ts";

/** Something that Claude Code has otherwise here than in the sandbox. */
export interface Difference {
  readonly aspect: Aspect;
  /** Of the thing; empty for what there is one of. */
  readonly name: string;
  /** What is to be compared of it; null where it is not there. */
  readonly here: string | null;
  readonly there: string | null;
}

export interface Comparison {
  /** The names of what is the same, by aspect; for what there is one of, its value. */
  readonly same: Readonly<Record<Aspect, readonly string[]>>;
  readonly differences: readonly Difference[];
}

/** Where a view was taken, as its paths and texts are compared. */
export interface Place {
  /** A path or a text with the paths that it has on the volume. */
  readonly onVolume: (text: string) => string;
}

/** The view with paths that mean the same in another place: on the volume, or from the working directory. */
export function inPlace(view: ClaudeView, { onVolume }: Place): ClaudeView {
  const memoryFiles = [...view.memoryFiles].map(([path, text]) => {
    const isOfProject = path.startsWith(`${view.cwd}/`);
    const name = isOfProject ? path.slice(view.cwd.length + 1) : onVolume(path);
    return [name, onVolume(text)] as const;
  });
  return { ...view, memoryFiles: new Map(memoryFiles) };
}

/** Compares two views aspect by aspect, thing by thing, in the order of the first. */
export function compareViews(here: ClaudeView, there: ClaudeView): Comparison {
  const same = {} as Record<Aspect, string[]>;
  const differences: Difference[] = [];
  for (const aspect of ASPECTS) {
    same[aspect] = [];
    for (const name of new Set([...here[aspect].keys(), ...there[aspect].keys()])) {
      const values = {
        here: here[aspect].get(name) ?? null,
        there: there[aspect].get(name) ?? null,
      };
      if (values.here !== values.there) differences.push({ aspect, name, ...values });
      else same[aspect].push(name || (values.here ?? ""));
    }
  }
  return { same, differences };
}
