import { isIP } from "node:net";
import * as z from "zod";
import { checked } from "./checked.ts";

/** The SDK's own rule (modal@0.11.1), which it would only tell once all is looked up. */
const domain = z
  .string()
  .regex(
    /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i,
    "must be a domain such as api.anthropic.com or *.example.org",
  );

const cidr = checked(z.string(), (value) => {
  const [address = "", prefix = "", ...rest] = value.split("/");
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const isCidr = rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
  return isCidr ? undefined : "must be a network such as 10.0.0.0/8";
});

/** The section `[network]`: what sessions may reach. */
export const networkSection = z
  .strictObject({
    block: z.boolean().default(false).meta({
      description:
        "No network at all: then Claude Code does not reach its API, and the session is for commands only.",
    }),
    allow_domains: z
      .array(domain)
      .min(1, "must not be empty; block = true allows nothing")
      .optional()
      .meta({
        description:
          "The only domains that a session's sandbox may reach, over TLS on port 443. `*.x` stands for x and all below it. Claude Code itself needs `api.anthropic.com`. Modal enforces it; on this machine such a session is refused.",
        unset: "no restriction",
        example: '["api.anthropic.com", "*.github.com"]',
      }),
    allow_cidrs: z
      .array(cidr)
      .min(1, "must not be empty; block = true allows nothing")
      .optional()
      .meta({
        description:
          "The only networks that a session's sandbox may reach, besides `allow_domains`. On this machine such a session is refused.",
        unset: "no restriction",
        example: '["10.0.0.0/8"]',
      }),
  })
  .superRefine((network, context) => {
    if (!network.block) return;
    for (const key of ["allow_domains", "allow_cidrs"] as const) {
      if (network[key] === undefined) continue;
      const message = "does not go together with block = true, which allows nothing";
      context.addIssue({ code: "custom", path: [key], message });
    }
  })
  .prefault({})
  .meta({
    description: "What sessions may reach. `parhelia sync` and `batch` are not restricted.",
  });
