import type * as z from "zod";

/** A schema with a rule of its own: what is wrong with a value, or undefined. */
export function checked<T>(
  schema: z.ZodType<T>,
  problem: (value: T) => string | undefined,
): z.ZodType<T> {
  return schema.superRefine((value, context) => {
    const message = problem(value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}
