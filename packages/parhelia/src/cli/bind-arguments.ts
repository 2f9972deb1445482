import { UserError } from "../errors.ts";
import type { AnyCommandSpec, ArgumentSpec } from "./command.ts";

type Bound = string | readonly string[] | undefined;

/**
 * Gives each positional argument its words. Optional arguments get theirs only when there are words
 * enough for the required ones after them: in `run [NAME] PROMPT`, one word is the prompt.
 *
 * @param rest what followed `--`, untouched; undefined when there was no `--`.
 * @throws UserError that says what is missing or too much.
 */
export function bindArguments(
  spec: AnyCommandSpec,
  words: readonly string[],
  rest: readonly string[] = [],
): Record<string, Bound> {
  const specs = Object.entries(spec.arguments);
  const takesRest = specs.some(([, { kind }]) => kind === "rest");
  // As everywhere, `--` then only ends the options.
  const left = takesRest ? [...words] : [...words, ...rest];
  let needed = specs.filter(([, { kind }]) => kind === "required" || kind === "variadic").length;
  const take: Record<ArgumentSpec["kind"], () => Bound> = {
    required: () => {
      needed -= 1;
      return left.shift();
    },
    optional: () => (left.length > needed ? left.shift() : undefined),
    variadic: () => left.splice(0),
    rest: () => rest,
  };
  const bound = specs.map(([key, argument]) => {
    const value = take[argument.kind]();
    if (isMissing(argument, value)) {
      const place = argument.kind === "rest" ? ": it stands after --" : "";
      refuse(spec, `${argument.placeholder ?? key} is missing${place}`);
    }
    return [key, value] as const;
  });
  if (left.length > 0) refuse(spec, `${JSON.stringify(left[0])} is one argument too many`);
  return Object.fromEntries(bound);
}

function isMissing(argument: ArgumentSpec, value: Bound): boolean {
  if (argument.kind === "required") return value === undefined;
  return "atLeastOne" in argument && argument.atLeastOne && value?.length === 0;
}

function refuse(spec: AnyCommandSpec, problem: string): never {
  throw new UserError(`parhelia ${spec.name}: ${problem}`, {
    hint: `for example: ${spec.examples[0] ?? ""} (parhelia ${spec.name} --help says more)`,
  });
}
