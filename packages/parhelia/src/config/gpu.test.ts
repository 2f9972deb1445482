import { describe, expect, test } from "vitest";
import { UserError } from "../errors.ts";
import { GPU_TYPES, readGpu } from "./gpu.ts";

describe("SPEC-01.10: --gpu TYPE[:COUNT]", () => {
  test.each([...GPU_TYPES])("%s is one of Modal's", (type) => {
    expect(readGpu(type)).toEqual({ gpu: type });
    expect(readGpu(`${type.toLowerCase()}:2`)).toEqual({ gpu: `${type}:2` });
  });

  test.each([
    ["A1OG", "A10G"],
    ["A10GG", "A10G"],
    ["A10H", "A10"],
    ["H1OO", "H100"],
    ["a100_80gb", "A100-80GB"],
    ["A100 80GB", "A100-80GB"],
    ["RTX-PR0-6000", "RTX-PRO-6000"],
    ["L40X", "L40S"],
    ["", "T4"],
  ])("%j is a mistake, and %s near", (text, near) => {
    expect(() => readGpu(text)).toThrow(UserError);
    expect(() => readGpu(text)).toThrow(`did you mean ${near}?`);
  });

  test.each(["A100:0", "A100:two", "A100:1:1", "A100:9", "A100:"])("%s is no count", (text) => {
    expect(() => readGpu(text)).toThrow(/is no GPU|too many/);
  });

  test.each(["B400", "H300", "A200:4", "MI355X", "TPU-V7"])("%s may be new: a warning", (text) => {
    const { gpu, warning } = readGpu(text);
    expect(gpu).toBe(text);
    expect(warning).toMatch(/does not know the GPU type .* Known are T4, L4, /);
  });
});
