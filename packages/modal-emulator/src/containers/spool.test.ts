import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Spool, type SpoolLimits } from "./spool.ts";

const FOREVER = new AbortController().signal;
const LOSSLESS: SpoolLimits = {
  memoryBytes: 5,
  segmentBytes: 10,
  retainedBytes: 50,
  whenFull: "wait",
};
const RECENT: SpoolLimits = {
  memoryBytes: 0,
  segmentBytes: 10,
  retainedBytes: 30,
  whenFull: "drop",
};

let directory: string;
let count = 0;
const prefix = () => join(directory, `spool-${String(count)}`);
const nextPrefix = () => {
  count += 1;
  return prefix();
};

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "spool-test-"));
});

afterAll(() => rmSync(directory, { recursive: true }));

function filesOf(ofPrefix: string): string[] {
  const files = readdirSync(directory).map((name) => join(directory, name));
  return files.filter((file) => file.startsWith(`${ofPrefix}.`));
}

async function readAll(spool: Spool, offset = 0): Promise<string> {
  let text = "";
  for await (const { data } of spool.read(offset, FOREVER)) text += data.toString();
  return text;
}

describe("a spool", () => {
  test("gives every reader the whole stream, from any offset, over segment borders", async () => {
    const spool = new Spool(nextPrefix(), LOSSLESS);
    await spool.append(Buffer.from("0123456789abcdefghij!"));
    await spool.close();
    expect(await readAll(spool)).toBe("0123456789abcdefghij!");
    expect(await readAll(spool)).toBe("0123456789abcdefghij!");
    expect(await readAll(spool, 9)).toBe("9abcdefghij!");
    expect(await readAll(spool, 21)).toBe("");
  });

  test("lets a reader wait for more until it is closed", async () => {
    const spool = new Spool(nextPrefix(), LOSSLESS);
    const reading = readAll(spool);
    await spool.append(Buffer.from("one "));
    await delay(5);
    await spool.append(Buffer.from("two"));
    await spool.close();
    expect(await reading).toBe("one two");
  });

  test("ends a wait when its reader goes", async () => {
    const spool = new Spool(nextPrefix(), LOSSLESS);
    const reader = new AbortController();
    const reading = spool.read(0, reader.signal).next();
    reader.abort();
    await expect(reading).rejects.toThrow(/abort/i);
  });

  test("that must lose nothing lets its writer wait for its reader", async () => {
    const spool = new Spool(nextPrefix(), LOSSLESS);
    const text = "x".repeat(200);
    await spool.append(Buffer.from(text));
    const closing = spool.close();
    await delay(50);
    expect(spool.end).toBeLessThanOrEqual(LOSSLESS.retainedBytes);
    expect(await readAll(spool)).toBe(text);
    await closing;
    expect(spool.end).toBe(200);
  });

  test("that must lose nothing says so when what is asked for is gone", async () => {
    const spool = new Spool(nextPrefix(), LOSSLESS);
    await spool.append(Buffer.from("x".repeat(200)));
    await Promise.all([spool.close(), readAll(spool)]);
    await expect(readAll(spool)).rejects.toThrow(/no longer kept/);
  });

  test("tells who reads to the end what it failed of", async () => {
    const spool = new Spool(join(directory, "no-such-folder", "spool"), RECENT);
    await spool.append(Buffer.from("lost"));
    await spool.close();
    await expect(readAll(spool)).rejects.toThrow(/ENOENT/);
    await expect(spool.append(Buffer.from("more"))).rejects.toThrow(/ENOENT/);
  });

  test("that keeps the recent part drops the oldest, and says where it goes on", async () => {
    const spool = new Spool(nextPrefix(), RECENT);
    await spool.append(Buffer.from("0123456789".repeat(10)));
    await spool.close();
    const offsets: number[] = [];
    for await (const { offset } of spool.read(0, FOREVER)) offsets.push(offset);
    expect(offsets[0]).toBe(70);
    expect(await readAll(spool)).toHaveLength(30);
  });

  test("keeps the beginning in memory, and makes no file for a short stream", async () => {
    const spool = new Spool(nextPrefix(), LOSSLESS);
    await spool.append(Buffer.from("0123"));
    await spool.close();
    expect(filesOf(prefix())).toEqual([]);
    expect(await readAll(spool, 1)).toBe("123");
  });

  test("keeps its files for this user alone, can be opened again, and leaves none behind", async () => {
    const spool = new Spool(nextPrefix(), RECENT);
    await spool.append(Buffer.from("0123456789abc"));
    await spool.close();
    const files = filesOf(prefix());
    expect(files).toHaveLength(2);
    for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);

    const again = Spool.reopen(prefix(), RECENT);
    expect(await readAll(again, 5)).toBe("56789abc");
    await again.dispose();
    expect(filesOf(prefix())).toEqual([]);
    await expect(readAll(again)).rejects.toThrow(/no longer kept/);
  });
});
