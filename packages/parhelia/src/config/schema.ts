import * as z from "zod";
import { HOUR_MS, SECOND_MS, parseDuration } from "../units.ts";
import { checked } from "./checked.ts";
import { costSection } from "./cost-schema.ts";
import { networkSection } from "./network-schema.ts";
import { poolSection } from "./pool-schema.ts";
import { REGIONS, regionProblem } from "./regions.ts";
import { snapshotSetting } from "./snapshot-setting.ts";
import { cpuVariant } from "./variants.ts";

/** What a key's documentation says besides its description. */
declare module "zod" {
  interface GlobalMeta {
    /** Unit of the value, where it has one. */
    unit?: string;
    /** What leaving the key out means, for a key without a default value. */
    unset?: string;
    /** A value to show, as it stands in TOML. */
    example?: string;
  }
}

/** Longest life of a sandbox on Modal, in milliseconds. */
const MAX_TIMEOUT_MS = 24 * HOUR_MS;

/** Secrets that a sandbox gets when they exist; nobody has to make them (SPEC-01.14). */
const DEFAULT_SECRET_NAMES: readonly string[] = ["anthropic-api-key", "github-token"];

const text = z.string().min(1, "must not be empty");

/** The package index of the specification's CUDA layer, for CUDA 12.1. */
export const CUDA_PIP_INDEX = "https://download.pytorch.org/whl/cu121";

/** Modal's names of Apps, environments, volumes and secrets. */
const objectName = text.regex(
  /^[A-Za-z0-9._-]{1,63}$/,
  "must be 1 to 63 letters, digits, dashes, dots or underscores",
);

/** `1.2.3`, no range and no tag. */
export const exactVersion = text.regex(
  /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/,
  "must be an exact version such as 2.1.330",
);

const region = checked(z.string(), regionProblem).meta({ enum: REGIONS });

const cores = z.number().gt(0, "must be more than 0").max(64, "must be at most 64");

const memoryMib = z
  .int()
  .min(128, "must be at least 128")
  .max(344_064, "must be at most 344064 (336 GiB)");

const count = z.int().min(0, "must be at least 0");

const days = z.number().gt(0, "must be more than 0");

const timeout = checked(z.string(), (value) => {
  const durationMs = parseDuration(value);
  if (durationMs === undefined) return 'must be a duration such as "90m", "2h" or "1h30m"';
  if (durationMs % SECOND_MS !== 0) return "must be whole seconds";
  return durationMs < SECOND_MS || durationMs > MAX_TIMEOUT_MS
    ? "must be between 1s and 24h"
    : undefined;
});

const pipRequirement = text.regex(
  /^[A-Za-z0-9][^\s'"\\]*$/,
  "must be a pip requirement without spaces",
);

/** A time after which something happens by itself, or `off`. */
function period(leastMs: number, least: string) {
  return z.string().superRefine((value, context) => {
    if (value === "off" || value === "0") return;
    const durationMs = parseDuration(value);
    const problem =
      durationMs === undefined
        ? 'must be "off" or a duration such as "60s", "30m" or "1h30m"'
        : durationMs % SECOND_MS !== 0
          ? "must be whole seconds"
          : durationMs < leastMs
            ? `must be at least ${least}, or "off"`
            : undefined;
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name of letters, digits and underscores");

/**
 * The shape of `parhelia.toml`, and the source of `docs/configuration.md`. Every key is optional;
 * keys that are not here are errors (SPEC-01.11b and the variants of SPEC-01.10).
 */
const shape = z.strictObject({
  target: z.enum(["local", "modal"]).default("local").meta({
    description:
      "Where sandboxes run: `local` is a container on this machine, `modal` is Modal, which costs money.",
  }),
  modal: z
    .strictObject({
      app: objectName.default("parhelia").meta({
        description: "The Modal App that owns the sandboxes. Session names are unique in it.",
      }),
      environment: objectName.optional().meta({
        description: "The Modal environment.",
        unset: "the one of your Modal profile",
        example: '"main"',
      }),
      region: z
        .union([region, z.array(region).min(1, "must not be empty")], {
          error: 'must be a region such as "us-east", or a list of them',
        })
        .optional()
        .meta({
          description:
            "Region, or list of regions, that sandboxes may run in, such as `us-east`, `us-west`, `eu-west`. Modal charges about 1.75 times the price for a narrow region such as `us-east`, and 1.5 times for a broad one such as `us`.",
          unset: "anywhere, the cheapest",
          example: '"us-east"',
        }),
      snapshot: snapshotSetting,
    })
    .prefault({})
    .meta({
      description: "How Modal is used. On this machine only `app` and `snapshot` have an effect.",
    }),
  sandbox: z
    .strictObject({
      cpu: cores.default(cpuVariant.cpu).meta({
        description:
          "CPU reservation of a sandbox. A reservation may exceed what this machine has.",
        unit: "cores",
      }),
      memory_mib: memoryMib
        .default(cpuVariant.memoryMiB)
        .meta({ description: "Memory reservation of a sandbox.", unit: "MiB" }),
      cpu_limit: cores.optional().meta({
        description: "The most CPU that a sandbox may use; at least `cpu`.",
        unit: "cores",
        unset: "no limit beyond the target's own",
        example: "8",
      }),
      memory_limit_mib: memoryMib.optional().meta({
        description: "The most memory that a sandbox may use; at least `memory_mib`.",
        unit: "MiB",
        unset: "no limit beyond the target's own",
        example: "32768",
      }),
      timeout: timeout.default("24h").meta({
        description:
          "How long a sandbox may live. Whole seconds, at most 24h; it is ended then, whatever it does.",
        unit: "duration (`ms`, `s`, `m`, `h`)",
      }),
      idle: period(SECOND_MS, "1s").default("30m").meta({
        description:
          "A sandbox in which nothing happens for so long, at no terminal, in no turn of Claude and in no command, takes a checkpoint and ends; `off` lets it live.",
        unit: "duration (`s`, `m`, `h`)",
      }),
    })
    .superRefine((sandbox, context) => {
      const pairs = [
        ["cpu", "cpu_limit"],
        ["memory_mib", "memory_limit_mib"],
      ] as const;
      for (const [request, limit] of pairs) {
        const most = sandbox[limit];
        if (most === undefined || most >= sandbox[request]) continue;
        const message = `must be at least ${request}, which is ${sandbox[request]}`;
        context.addIssue({ code: "custom", path: [limit], message });
      }
    })
    .prefault({})
    .meta({ description: "What each sandbox gets, and for how long." }),
  checkpoint: z
    .strictObject({
      interval: period(SECOND_MS, "1s").default("60s").meta({
        description:
          "How often a session's state is saved on the volume, where it changed: the most work that a sandbox can lose that is killed. `off` saves it only at the end, before a deadline and on request.",
        unit: "duration (`s`, `m`, `h`)",
      }),
    })
    .prefault({})
    .meta({ description: "How a session's state is kept." }),
  image: z
    .strictObject({
      apt: z
        .array(text.regex(/^[a-z0-9][a-z0-9+.-]*(=\S+)?$/, "must be a Debian package name"))
        .default([])
        .meta({
          description:
            "Debian packages to install besides Parhelia's own, as `name` or `name=version`.",
          example: '["ripgrep", "jq"]',
        }),
      pip: z.array(pipRequirement).default(["anthropic"]).meta({
        description:
          "Python packages to install. `[]` builds an image without asking a Python package index.",
        example: '["anthropic", "httpx==0.28.1"]',
      }),
      gpu_pip: z.array(pipRequirement).default(["torch"]).meta({
        description:
          "Python packages that `parhelia-gpu` has besides, with the CUDA that they bring. `[]` leaves that layer out: the driver, `nvidia-smi` and `libcuda` come from the machine all the same.",
        example: '["torch==2.5.1", "torchvision"]',
      }),
      gpu_pip_index: z
        .url({ protocol: /^https?$/, error: "must be an http or https address" })
        .default(CUDA_PIP_INDEX)
        .meta({ description: "The package index that `gpu_pip` is installed from." }),
      claude_code: exactVersion.optional().meta({
        description: "Exact version of Claude Code.",
        unset:
          "the version in `parhelia.lock`, or the one this release of Parhelia was tested with",
        example: '"2.1.330"',
      }),
      bun: exactVersion.optional().meta({
        description: "Exact version of Bun.",
        unset:
          "the version in `parhelia.lock`, or the one this release of Parhelia was tested with",
        example: '"1.4.5"',
      }),
    })
    .prefault({})
    .meta({
      description: "What the image holds. `parhelia image build` makes a change effective.",
    }),
  volume: z
    .strictObject({
      name: objectName
        .default("parhelia-vol")
        .meta({ description: "The volume at `/vol/parhelia`; it is made on first use." }),
    })
    .prefault({})
    .meta({ description: "Where state lives between sandboxes." }),
  secrets: z
    .strictObject({
      names: z
        .array(objectName)
        .default([...DEFAULT_SECRET_NAMES])
        .meta({
          description:
            "Named secrets whose variables every sandbox gets (`parhelia secret set` makes them). Those of the default list are used where they exist; once you write the list yourself, each one must exist.",
          example: '["anthropic-api-key", "my-project"]',
        }),
      inject: z.enum(["environment", "proxy"]).default("environment").meta({
        description:
          "How Claude Code gets its API key. `environment`: as an environment variable, which everything in the sandbox can read. `proxy`: Modal puts it into the requests to api.anthropic.com on their way out, and the sandbox has a dummy in its place. That is Modal's (in beta), and does not go together with `[network]`.",
      }),
      api_key: objectName.default("anthropic-api-key").meta({
        description:
          'The secret that has `ANTHROPIC_API_KEY`, for `inject = "proxy"`. Then no variable of it is in the sandbox.',
      }),
    })
    .prefault({})
    .meta({ description: "Names of secrets; values never stand in this file." }),
  retention: z
    .strictObject({
      keep_last: z.int().min(1, "must be at least 1").default(10).meta({
        description: "Of each session, so many of the newest checkpoints are kept.",
      }),
      keep_hourly: count.default(24).meta({
        description: "Beyond those, the newest of each of so many hours that have one.",
      }),
      keep_daily: count.default(7).meta({
        description: "And the newest of each of so many days that have one.",
      }),
      checkpoint_days: days.default(30).meta({
        description: "Older checkpoints go, but a session's last one stays.",
        unit: "days",
      }),
      max_checkpoint_gb: z.number().gt(0, "must be more than 0").optional().meta({
        description:
          "Above this size of all sessions' checkpoints together, the oldest go, but each session's last one stays.",
        unit: "GB (10^9 bytes)",
        unset: "no ceiling",
        example: "50",
      }),
      workspace_days: days.default(30).meta({
        description:
          "Workspaces that nobody used for so long go, where a checkpoint has their content.",
        unit: "days",
      }),
    })
    .prefault({})
    .meta({
      description:
        "What `parhelia volume prune` leaves on the volume. It never touches anything of a running session, nor the last checkpoint of a session that was not removed with `parhelia rm`.",
    }),
  limits: z
    .strictObject({
      max_sandboxes: count.default(5).meta({
        description:
          "How many sessions may run at once in the App that were started by the same user on the same machine. The start that reaches this number warns, and the next one is refused without `--force`. `0` sets no limit.",
      }),
    })
    .prefault({})
    .meta({ description: "What keeps a bill from growing because something was forgotten." }),
  pool: poolSection,
  cost: costSection,
  network: networkSection,
  sync: z
    .strictObject({
      allow: z.array(text).default([]).meta({
        description:
          "Files that `parhelia sync` sends although they look like they hold a secret, by the names that it gives them.",
        example: '["skills/deploy/test-key.pem"]',
      }),
    })
    .prefault({})
    .meta({ description: "What `parhelia sync` sends of your Claude configuration." }),
  env: z.record(variableName, z.string()).default({}).meta({
    description:
      "Environment variables of every sandbox, for values that are no secret: anyone who reads this file can read them.",
    example: '{ TZ = "Europe/Berlin" }',
  }),
});

/** The shape, and what Modal cannot do at once. */
export const configSchema = shape.superRefine(({ secrets, network }, context) => {
  if (secrets.inject !== "proxy") return;
  const restricted = (["block", "allow_domains", "allow_cidrs"] as const).find(
    (key) => network[key] !== undefined && network[key] !== false,
  );
  if (restricted === undefined) return;
  const message = `does not go together with [network] ${restricted}: Modal either puts the key into requests or restricts where they go`;
  context.addIssue({ code: "custom", path: ["secrets", "inject"], message });
});

/** The values of `parhelia.toml`, checked and with defaults, in the file's own words. */
export type ConfigValues = z.output<typeof configSchema>;
