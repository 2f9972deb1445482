/** What one check of `parhelia doctor` found. */
export interface Check {
  /** What was checked: `engine`, `npm registry`, … */
  readonly name: string;
  /** `failure` only for what the target cannot do without. */
  readonly status: "ok" | "warning" | "failure";
  /** What was found, with names and numbers. */
  readonly detail: string;
  /** What to type or change; undefined when all is well. */
  readonly mend?: string;
}

export function ok(name: string, detail: string): Check {
  return { name, status: "ok", detail };
}

export function warning(name: string, detail: string, mend: string): Check {
  return { name, status: "warning", detail, mend };
}

export function failure(name: string, detail: string, mend: string): Check {
  return { name, status: "failure", detail, mend };
}
