import type { Sandbox } from "../generated/modal_client.ts";

/** What is known of an App. */
export interface AppRecord {
  readonly id: string;
  readonly name: string;
  readonly environment: string;
}

/** A built image layer. The layer itself lies in the engine under `engineTag`. */
export interface ImageRecord {
  readonly id: string;
  /** Digest of everything the layer is made from; the newest image of a key is the cached one. */
  readonly layerKey: string;
  readonly engineTag: string;
  /** The engine's own identifier: the same for the same layer, whoever's state it is in. */
  readonly engineImageId: string;
  readonly createdAtMs: number;
  readonly builderVersion: string;
  /** Of a snapshot with a time to live: from then on it is as if it had been deleted. */
  readonly expiresAtMs?: number;
}

/** A build that has begun; gone when it has ended, so that one that died with its emulator is known. */
export interface BuildRecord {
  /** Identifier of the image that it makes. */
  readonly id: string;
  readonly startedAtMs: number;
}

/** A published name, `parhelia-cpu:latest`. */
export interface ImageTagRecord {
  /** Environment and tag. */
  readonly id: string;
  readonly tag: string;
  readonly environment: string;
  readonly imageId: string;
  readonly revisionId: string;
  readonly publishedAtMs: number;
}

/** A volume. Its files lie in the engine's volume `engineVolume`. */
export interface VolumeRecord {
  readonly id: string;
  /** Empty for an ephemeral volume. */
  readonly name: string;
  readonly environment: string;
  readonly version: 1 | 2;
  readonly engineVolume: string;
  readonly createdAtMs: number;
  /** Last heartbeat of an ephemeral volume; one that has been silent for long is removed. */
  readonly heartbeatAtMs?: number;
}

/** A secret. Records are readable by the user alone; values leave only into containers. */
export interface SecretRecord {
  readonly id: string;
  /** Empty for an ephemeral secret. */
  readonly name: string;
  readonly environment: string;
  readonly values: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

/** A deployed Function: what a call of it runs. */
export interface FunctionRecord {
  readonly id: string;
  readonly appId: string;
  readonly name: string;
  /** Of one call: image, command, volumes, secrets by identifier, resources, time limit. */
  readonly definition: Sandbox;
}

/** The part of a Function's call that a container runs. */
export interface FunctionInputRecord {
  readonly functionId: string;
  readonly callId: string;
  readonly inputId: string;
  /** The caller's own number of the input. */
  readonly index: number;
}

/** How a sandbox ended. `exitCode` is the entry point's own, where it ended by itself. */
export interface SandboxResult {
  readonly outcome: "exited" | "terminated" | "timeout" | "lost";
  readonly exitCode: number;
  readonly endedAtMs: number;
  /** Why, for people; no secrets. */
  readonly reason: string;
}

/** A sandbox, running or ended. Written before its container exists, so that none is ever forgotten. */
export interface SandboxRecord {
  readonly id: string;
  readonly taskId: string;
  readonly appId: string;
  /** Unique among the running sandboxes of an App; empty when it was given none. */
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The request's definition, without secret values (they are named by `secretIds`). */
  readonly definition: Sandbox;
  /** Key of the request, so that a repeated one is answered with the same sandbox. */
  readonly idempotencyKey: string;
  readonly createdAtMs: number;
  /** When the sandbox is ended as timed out. */
  readonly deadlineMs: number;
  /** Of a container that runs an input of a Function: no sandbox for those who list them. */
  readonly functionInput?: FunctionInputRecord;
  readonly readyAtMs?: number;
  /** It has volumes, and sees copies of them (`containers/volume-views.ts`). */
  readonly hasViews?: true;
  /** Set before a stop is asked for, so that an end is told apart from an exit. */
  readonly ending?: "terminated" | "timeout";
  readonly result?: SandboxResult;
}
