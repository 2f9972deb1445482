import * as z from "zod";

const rate = z.number().min(0, "must be at least 0");

/** The section `[cost]`: rates for the estimated cost of what runs. */
export const costSection = z
  .strictObject({
    as_of: z
      .string()
      .regex(/^\d{4}-\d\d-\d\d$/, "must be a date such as 2025-11-01")
      .default("2025-11-01")
      .meta({
        description:
          "When these rates were true, as far as Parhelia knows. Set it to the day on which you looked them up.",
      }),
    cpu_core_hour: rate
      .default(0.1419)
      .meta({ description: "A physical core of a sandbox.", unit: "US dollars an hour" }),
    memory_gib_hour: rate
      .default(0.0242)
      .meta({ description: "A GiB of a sandbox's memory.", unit: "US dollars an hour" }),
    gpu_hour: z
      .record(z.string().min(1, "must not be empty"), rate)
      .default({
        T4: 0.59,
        L4: 0.8,
        A10: 1.1,
        A10G: 1.1,
        L40S: 1.95,
        A100: 2.1,
        "A100-40GB": 2.1,
        "A100-80GB": 2.5,
        H100: 3.95,
        H200: 4.54,
        B200: 6.25,
      })
      .meta({ description: "GPUs, by type.", unit: "US dollars an hour" }),
    broad_region_factor: rate
      .default(1.5)
      .meta({ description: "What a chosen broad region, such as `us`, multiplies them by." }),
    narrow_region_factor: rate.default(1.75).meta({
      description: "What a chosen narrow region, such as `us-east`, multiplies them by.",
    }),
  })
  .prefault({})
  .meta({
    description:
      "Rates for the estimated cost in `parhelia ls --target modal`: of what a sandbox reserves, since Modal charges at least that. They are an estimate and not a bill: Parhelia asks Modal for no prices, so compare the rates with https://modal.com/pricing, and write here what differs. A table `gpu_hour` replaces the whole of the default one.",
  });
