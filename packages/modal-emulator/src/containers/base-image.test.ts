import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type Docker from "dockerode";
import tar from "tar-stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { obtainImage } from "./base-image.ts";
import { BuildLog } from "./build-log.ts";
import { findEngine } from "./engine.ts";

/** A registry of one image, `test/tiny:1`; engines ask one on loopback without TLS. */
let registry: Server;
let host: string;
let docker: Docker;
let requests: string[] = [];

beforeAll(async () => {
  ({ docker } = await findEngine());
  const content = await tinyImage((await docker.version()).Arch);
  registry = createServer((request, response) => {
    requests.push(request.url ?? "");
    const found = content.get(request.url ?? "");
    response.statusCode = found === undefined ? 404 : 200;
    if (request.url?.includes("/private/")) response.statusCode = 401;
    response.setHeader("Content-Type", found?.type ?? "application/json");
    response.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
    response.end(request.method === "HEAD" ? undefined : (found?.body ?? '{"errors":[]}'));
  });
  registry.listen(0, "127.0.0.1");
  await once(registry, "listening");
  host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
});

afterAll(async () => {
  registry.closeAllConnections();
  registry.close();
  await docker.getImage(`${host}/test/tiny:1`).remove();
});

async function obtain(reference: string, refresh = false) {
  const log = new BuildLog();
  const id = await obtainImage(docker, reference, { refresh, log });
  return { id, lines: log.since(0).map(({ text }) => text) };
}

test("an image is pulled once, with its progress in the log, and again when that is asked for", async () => {
  const first = await obtain(`${host}/test/tiny:1`);
  expect(first.id).toMatch(/^sha256:/);
  expect(first.lines.join("")).toContain("Pull complete");
  requests = [];
  expect(await obtain(`${host}/test/tiny:1`)).toEqual({ id: first.id, lines: [] });
  expect(requests).toEqual([]);
  expect((await obtain(`${host}/test/tiny:1`, true)).id).toBe(first.id);
  expect(requests).not.toEqual([]);
});

test("a registry that has no such image is told apart from one that does not answer", async () => {
  const refused = "check its name, or pull a private image yourself: docker login && docker pull";
  await expect(obtain(`${host}/test/other:1`)).rejects.toThrow(refused);
  await expect(obtain(`${host}/private/image:1`)).rejects.toThrow(refused);
  await expect(obtain("127.0.0.1:1/test/tiny:1")).rejects.toThrow(
    "only debian:bookworm-slim can be made without one",
  );
});

interface Content {
  readonly type: string;
  readonly body: Buffer;
}

/** An image's blobs and manifest by their paths in a registry. */
async function tinyImage(architecture: string): Promise<Map<string, Content>> {
  const pack = tar.pack();
  pack.entry({ name: "file" }, "content");
  pack.finalize();
  const parts: Buffer[] = [];
  for await (const part of pack) parts.push(Buffer.from(part as Uint8Array));
  const layer = Buffer.concat(parts);
  const compressed = gzipSync(layer);
  const config = json({
    architecture,
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digest(layer)] },
  });
  const vendor = "application/vnd.docker";
  const type = `${vendor}.distribution.manifest.v2+json`;
  const manifest = json({
    schemaVersion: 2,
    mediaType: type,
    config: describe(`${vendor}.container.image.v1+json`, config),
    layers: [describe(`${vendor}.image.rootfs.diff.tar.gzip`, compressed)],
  });
  const blob = "application/octet-stream";
  return new Map([
    ["/v2/", { type: "application/json", body: json({}) }],
    ["/v2/test/tiny/manifests/1", { type, body: manifest }],
    [`/v2/test/tiny/manifests/${digest(manifest)}`, { type, body: manifest }],
    [`/v2/test/tiny/blobs/${digest(config)}`, { type: blob, body: config }],
    [`/v2/test/tiny/blobs/${digest(compressed)}`, { type: blob, body: compressed }],
  ]);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digest(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

function describe(mediaType: string, content: Buffer) {
  return { mediaType, size: content.length, digest: digest(content) };
}
