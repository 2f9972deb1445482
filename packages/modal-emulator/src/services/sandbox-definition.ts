import { isIP } from "node:net";
import { ServerError, Status } from "nice-grpc";
import type { Sandbox, VolumeMount } from "../generated/modal_client.ts";
import { NetworkAccessNetworkAccessType as NetworkAccessType } from "../generated/modal_client.ts";
import type { SandboxBackend } from "../state/identifiers.ts";

const DEFAULT_TIMEOUT_S = 300;
const MAX_TIMEOUT_S = 24 * 60 * 60;

/** Modal's regions, narrow and broad. A sandbox on this machine is in all of them. */
const REGIONS = new Set(
  `us-east us-central us-south us-west eu-west eu-north eu-south ap-northeast ap-southeast ap-south
   ap-melbourne jp au us eu ap uk ca me sa af mx`.split(/\s+/),
);

/** Modal's GPU types. On this machine any of them stands for the one that the machine has. */
const GPU_TYPES = new Set(
  `T4 L4 A10 A10G L40S A100 A100-40GB A100-80GB RTX-PRO-6000 H100 H100! H200 B200 B200+ B300`.split(
    " ",
  ),
);

const MAX_GPUS = 8;

const CLOUDS = new Set(["", "auto", "aws", "gcp", "oci"]);

/** Where Modal mounts no volume. */
const FORBIDDEN_MOUNT_PATHS = new Set(["/", "/root", "/tmp"]);

const NAME = /^[a-zA-Z0-9._-]{1,64}$/;

/**
 * Refuses what the emulator would not hold to: above all limits on what a sandbox may reach, which a
 * caller relies on for safety.
 * @throws ServerError UNIMPLEMENTED with the field's name, INVALID_ARGUMENT for what Modal refuses too
 */
export function checkDefinition(definition: Sandbox, backend: SandboxBackend): void {
  checkGpu(definition, backend);
  checkCidrs(definition);
  checkPlacement(definition);
  refuseUnserved(definition);
  checkMounts(definition.volumeMounts);
  if (definition.name !== undefined && definition.name !== "" && !NAME.test(definition.name)) {
    throw invalid(
      `Invalid Sandbox name: '${definition.name}'. Names have at most 64 letters, digits, dashes, periods and underscores.`,
    );
  }
  if (definition.workdir !== undefined && !definition.workdir.startsWith("/")) {
    throw invalid(`workdir must be an absolute path, got: ${definition.workdir}`);
  }
}

/** How long the sandbox may live, in seconds. Default 300, at most 24 hours. */
export function timeoutSeconds({ timeoutSecs }: Sandbox): number {
  if (timeoutSecs > MAX_TIMEOUT_S) {
    throw invalid(
      `timeout of ${timeoutSecs} s: a sandbox lives at most ${MAX_TIMEOUT_S} s (24 hours)`,
    );
  }
  return timeoutSecs === 0 ? DEFAULT_TIMEOUT_S : timeoutSecs;
}

/** How many GPUs the sandbox is to have. */
export function gpuCount({ resources }: Sandbox): number {
  const { gpuType = "", count = 0 } = resources?.gpuConfig ?? {};
  return gpuType === "" ? count : Math.max(1, count);
}

/** Whether the sandbox may reach the network. */
export function hasNetwork({ blockNetwork, networkAccess }: Sandbox): boolean {
  return !blockNetwork && networkAccess?.networkAccessType !== NetworkAccessType.BLOCKED;
}

const isAsked = (value: string | number | undefined) =>
  value !== undefined && value !== "" && value !== 0;

/** What is not served, by the name of its field, and whether a definition asks for it. */
const UNSERVED: Record<string, (definition: Sandbox) => boolean> = {
  rdma: ({ resources }) => resources?.rdma === true,
  ephemeral_disk_mb: ({ resources }) => isAsked(resources?.ephemeralDiskMb),
  network_access: ({ networkAccess }) =>
    networkAccess?.networkAccessType === NetworkAccessType.ALLOWLIST,
  inbound_cidr_allowlist: ({ inboundCidrAllowlist }) => inboundCidrAllowlist.length > 0,
  outbound_policy: ({ outboundPolicy }) => outboundPolicy !== undefined,
  experimental_outbound_policy: (definition) => definition.experimentalOutboundPolicy !== undefined,
  open_ports: ({ openPorts }) => isAsked(openPorts?.ports.length),
  cloud_bucket_mounts: ({ cloudBucketMounts }) => cloudBucketMounts.length > 0,
  s3_mounts: ({ s3Mounts }) => s3Mounts.length > 0,
  nfs_mounts: ({ nfsMounts }) => nfsMounts.length > 0,
  mount_ids: ({ mountIds }) => mountIds.length > 0,
  proxy_id: ({ proxyId }) => isAsked(proxyId),
  enable_snapshot: ({ enableSnapshot }) => enableSnapshot,
  idle_timeout_secs: ({ idleTimeoutSecs }) => isAsked(idleTimeoutSecs),
  i6pn_enabled: ({ i6pnEnabled }) => i6pnEnabled,
  custom_domain: ({ customDomain }) => isAsked(customDomain),
  include_oidc_identity_token: ({ includeOidcIdentityToken }) => includeOidcIdentityToken,
  include_x509_svid: ({ includeX509Svid }) => includeX509Svid,
  // Both ask for an isolation that a container of this engine does not give.
  runtime: ({ runtime }) => isAsked(runtime),
  runsc_runtime_version: ({ runscRuntimeVersion }) => isAsked(runscRuntimeVersion),
  experimental_options: ({ experimentalOptions, experimentalOptionsV2 }) =>
    Object.keys({ ...experimentalOptions, ...experimentalOptionsV2 }).length > 0,
};

function refuseUnserved(definition: Sandbox): void {
  const fields = Object.keys(UNSERVED).filter((field) => UNSERVED[field]?.(definition));
  if (fields.length === 0) return;
  throw new ServerError(
    Status.UNIMPLEMENTED,
    `modal-emulator does not serve sandboxes with ${fields.join(", ")}; leave it out, or use Modal`,
  );
}

function checkGpu(definition: Sandbox, backend: SandboxBackend): void {
  const count = gpuCount(definition);
  if (count === 0) return;
  if (backend === "V2")
    throw invalid("Sandboxes of the V2 backend have no GPUs: use SandboxCreate");
  const gpuType = definition.resources?.gpuConfig?.gpuType ?? "";
  if (!GPU_TYPES.has(gpuType)) {
    throw invalid(`Unknown GPU type '${gpuType}'. Types are ${[...GPU_TYPES].join(", ")}.`);
  }
  if (count > MAX_GPUS) throw invalid(`${count} GPUs: a sandbox has at most ${MAX_GPUS}`);
}

function checkPlacement({ schedulerPlacement, cloudProviderStr }: Sandbox): void {
  const unknown = schedulerPlacement?.regions.find((region) => !REGIONS.has(region));
  if (unknown !== undefined) {
    throw invalid(`Unknown region '${unknown}'. Regions are ${[...REGIONS].join(", ")}.`);
  }
  if (!CLOUDS.has(cloudProviderStr)) {
    throw invalid(`Unknown cloud '${cloudProviderStr}'. Clouds are aws, gcp, oci and auto.`);
  }
}

function checkCidrs({ networkAccess, inboundCidrAllowlist }: Sandbox): void {
  const cidrs = [...inboundCidrAllowlist, ...(networkAccess?.allowedCidrs ?? [])];
  const invalidCidr = cidrs.find((cidr) => !isCidr(cidr));
  if (invalidCidr !== undefined) throw invalid(`Invalid CIDR: ${invalidCidr}`);
}

function isCidr(text: string): boolean {
  const [address = "", prefix = ""] = text.split("/", 2);
  const version = isIP(address);
  return version !== 0 && /^\d+$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
}

function checkMounts(mounts: readonly VolumeMount[]): void {
  const paths = new Set<string>();
  const volumeIds = new Set<string>();
  for (const { mountPath, volumeId } of mounts) {
    const path = mountPath.replace(/\/+$/, "") || "/";
    if (!path.startsWith("/") || /\/\.{1,2}(\/|$)/.test(path)) {
      throw invalid(`A volume's mount path must be absolute and plain, got: '${mountPath}'`);
    }
    if (FORBIDDEN_MOUNT_PATHS.has(path)) throw invalid(`A volume cannot be mounted at '${path}'`);
    if (paths.has(path)) throw invalid(`Two volumes cannot both be mounted at '${path}'`);
    if (volumeIds.has(volumeId)) {
      throw invalid(`Volume '${volumeId}' is mounted twice: a sandbox can mount a volume once`);
    }
    paths.add(path);
    volumeIds.add(volumeId);
  }
}

function invalid(message: string): ServerError {
  return new ServerError(Status.INVALID_ARGUMENT, message);
}
