import { defineConfig } from "vitest/config";

const MINUTE_MS = 60_000;

export default defineConfig({
  test: {
    globalSetup: ["test/support/global-setup.ts"],
    // The end removes what the tests made in the engine.
    teardownTimeout: 3 * MINUTE_MS,
    reporters: process.stdout.isTTY ? ["default"] : ["verbose"],
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "packages/**/*.test.ts",
            "test/repository/**/*.test.ts",
            "test/support/**/*.test.ts",
          ],
          // Most of them wait for the engine or a program: two at a time also where there are two cores.
          maxWorkers: 2,
          testTimeout: MINUTE_MS,
          hookTimeout: 2 * MINUTE_MS,
        },
      },
      {
        test: {
          name: "acceptance",
          include: ["test/acceptance/**/*.test.ts", "test/parity/**/*.test.ts"],
          // One engine and two cores: timings mean something only when one sandbox starts at a time.
          fileParallelism: false,
          testTimeout: 5 * MINUTE_MS,
          hookTimeout: 10 * MINUTE_MS,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
