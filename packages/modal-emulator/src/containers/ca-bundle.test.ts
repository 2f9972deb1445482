import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { X509Certificate } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { Store } from "../state/store.ts";
import { caTrust } from "./ca-bundle.ts";

const directory = mkdtempSync(join(tmpdir(), "modal-emulator-ca-"));

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

test("the bundle holds each certificate once, readable by every user of a container", () => {
  const store = new Store(directory);
  try {
    const trust = caTrust(store, { address: "unix:///var/run/docker.sock" });
    const [bind = ""] = trust.binds;
    const [file = "", target, mode] = bind.split(":");
    expect(target).toBe("/etc/modal-emulator/ca-certificates.crt");
    expect(mode).toBe("ro");
    expect(trust.env["SSL_CERT_FILE"]).toBe(target);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    const certificates = readFileSync(file, "utf8").split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(certificates.length).toBeGreaterThan(10);
    expect(new Set(certificates).size).toBe(certificates.length);
    for (const certificate of certificates) new X509Certificate(certificate);
  } finally {
    store.close();
  }
});

test("proxies are passed on in both spellings; a remote engine gets no bind", () => {
  vi.stubEnv("HTTPS_PROXY", "");
  vi.stubEnv("https_proxy", "");
  vi.stubEnv("http_proxy", "http://proxy.example:3128");
  const store = new Store(directory);
  try {
    const trust = caTrust(store, { address: "tcp://engine.example:2375" });
    expect(trust.binds).toEqual([]);
    expect(trust.env).toMatchObject({
      HTTP_PROXY: "http://proxy.example:3128",
      http_proxy: "http://proxy.example:3128",
    });
    expect(trust.env).not.toHaveProperty("HTTPS_PROXY");
  } finally {
    store.close();
  }
});
