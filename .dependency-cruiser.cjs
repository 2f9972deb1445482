// The allowed directions of docs/architecture.md, held by a tool.
// test/repository/boundaries.test.ts plants a violation of each rule to prove that they still bite.
const parhelia = "^packages/parhelia/src";
const emulator = "^packages/modal-emulator";

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "only-modal-imports-the-sdk",
      severity: "error",
      from: { path: "^packages/parhelia", pathNot: `${parhelia}/modal/` },
      to: { path: "node_modules/modal/" },
    },
    {
      name: "only-local-imports-the-emulator",
      severity: "error",
      from: { path: "^packages/parhelia", pathNot: `${parhelia}/modal/local\\.ts$` },
      to: { path: emulator },
    },
    {
      name: "emulator-never-imports-parhelia",
      severity: "error",
      from: { path: emulator },
      to: { path: "^packages/parhelia/" },
    },
    {
      name: "emulator-imports-the-sdk-only-in-tests",
      severity: "error",
      from: { path: emulator, pathNot: "\\.test\\.ts$|/test/" },
      to: { path: "node_modules/modal/" },
    },
    {
      name: "container-imports-only-plain-data",
      severity: "error",
      from: { path: "^packages/parhelia/container/" },
      to: { path: parhelia, pathNot: `${parhelia}/volume/layout\\.ts$` },
    },
    {
      name: "src-never-imports-container",
      severity: "error",
      from: { path: parhelia },
      to: { path: "^packages/parhelia/container/", pathNot: "/(protocol|repository)/" },
    },
    {
      name: "repository-runs-on-both-sides",
      severity: "error",
      from: { path: "^packages/parhelia/container/repository/" },
      to: {
        path: "^packages/parhelia/",
        pathNot: "^packages/parhelia/container/(protocol|repository)/",
      },
    },
    // cli -> parity -> sandbox -> modal -> layers -> {volume, config} -> errors, units
    {
      name: "nothing-imports-cli",
      severity: "error",
      from: { path: parhelia, pathNot: `${parhelia}/cli/` },
      to: { path: `${parhelia}/cli/` },
    },
    {
      name: "parity-only-from-cli",
      severity: "error",
      from: { path: parhelia, pathNot: `${parhelia}/(cli|parity)/` },
      to: { path: `${parhelia}/parity/` },
    },
    {
      name: "sandbox-only-from-cli",
      severity: "error",
      from: {
        path: `${parhelia}/(modal|layers|volume|config)/|${parhelia}/(errors|units|log)\\.ts$`,
      },
      to: { path: `${parhelia}/sandbox/` },
    },
    {
      name: "modal-only-from-sandbox-and-above",
      severity: "error",
      from: { path: `${parhelia}/(layers|volume|config)/|${parhelia}/(errors|units|log)\\.ts$` },
      to: { path: `${parhelia}/modal/` },
    },
    {
      name: "layers-only-from-modal-and-above",
      severity: "error",
      from: { path: `${parhelia}/(volume|config)/|${parhelia}/(errors|units|log)\\.ts$` },
      to: { path: `${parhelia}/layers/` },
    },
    {
      name: "config-and-volume-stand-side-by-side",
      severity: "error",
      from: { path: `${parhelia}/(config|volume)/` },
      to: { path: `${parhelia}/(config|volume)/`, pathNot: `${parhelia}/$1/` },
    },
    {
      name: "foundations-import-nothing",
      severity: "error",
      from: { path: `${parhelia}/(errors|units|log)\\.ts$` },
      to: { path: `${parhelia}/(cli|sandbox|modal|layers|volume|config)/` },
    },
    {
      name: "emulator-services-below-server",
      severity: "error",
      from: { path: `${emulator}/src/(services|state|containers|generated)/` },
      to: { path: `${emulator}/src/(server|main|index)\\.ts$` },
    },
    {
      name: "emulator-state-and-containers-below-services",
      severity: "error",
      from: { path: `${emulator}/src/(state|containers|generated)/` },
      to: { path: `${emulator}/src/services/` },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^packages/[^/]+/dist/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["source", "import", "node", "types"],
    },
  },
};
