import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { writeFileAtomically } from "../write-file.ts";
import type { Fingerprint } from "./scan.ts";

/**
 * How the files of the latest checkpoint lay on this sandbox's disk when they were read. It is no part of the
 * checkpoint: without it, size and time tell what has changed.
 */
export interface KnownFiles {
  /** Of the checkpoint. */
  readonly id: string;
  /** By path; null for a file that may have changed since, unseen. */
  readonly fingerprints: ReadonlyMap<string, Fingerprint | null>;
  readonly claudeCode: string | null;
}

/** Undefined where there is none, or it is of another checkpoint. */
export function readKnownFiles(file: string, id: string | undefined): KnownFiles | undefined {
  try {
    const { fingerprints, ...known } = JSON.parse(readFileSync(file, "utf8")) as Stored;
    if (known.id !== id) return undefined;
    const entries = fingerprints.map(
      ([path, changedAtMs, inode]) =>
        [path, changedAtMs === null ? null : { changedAtMs, inode }] as const,
    );
    return { ...known, fingerprints: new Map(entries) };
  } catch {
    return undefined;
  }
}

/** Remembers for the next checkpoint. It may fail: then that one takes longer. */
export function writeKnownFiles(file: string, { fingerprints, ...known }: KnownFiles): void {
  const rows = [...fingerprints].map(
    ([path, print]) => [path, print?.changedAtMs ?? null, print?.inode ?? 0] as const,
  );
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileAtomically(file, JSON.stringify({ ...known, fingerprints: rows }), { mode: 0o600 });
  } catch {
    // The disk is full, say: the checkpoint itself is written.
  }
}

interface Stored {
  readonly id: string;
  readonly claudeCode: string | null;
  readonly fingerprints: readonly [path: string, changedAtMs: number | null, inode: number][];
}
