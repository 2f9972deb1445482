import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { Collection } from "./collection.ts";
import type {
  AppRecord,
  BuildRecord,
  FunctionRecord,
  ImageRecord,
  ImageTagRecord,
  SandboxRecord,
  SecretRecord,
  VolumeRecord,
} from "./records.ts";

/** What proves to the emulator that a request comes from this user. */
export interface Credentials {
  /** Names this state directory; on the label of everything that is made in the engine. */
  readonly instance: string;
  readonly tokenId: string;
  readonly tokenSecret: string;
  /** Signs the tokens that the emulator issues, hex. */
  readonly signingKey: string;
}

/** Another emulator already works on this state directory. */
export class StateInUseError extends Error {
  override readonly name = "StateInUseError";
}

/** Everything the emulator remembers, below one directory that only this user can read. */
export class Store {
  readonly directory: string;
  readonly credentials: Credentials;
  readonly apps: Collection<AppRecord>;
  readonly builds: Collection<BuildRecord>;
  readonly images: Collection<ImageRecord>;
  readonly imageTags: Collection<ImageTagRecord>;
  readonly volumes: Collection<VolumeRecord>;
  readonly secrets: Collection<SecretRecord>;
  readonly functions: Collection<FunctionRecord>;
  readonly sandboxes: Collection<SandboxRecord>;
  readonly #lock: DatabaseSync;

  /**
   * Opens the state in `directory`, making it where there is none.
   * @throws StateInUseError while another process has it open
   */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    this.#lock = lockDirectory(directory);
    this.credentials = loadCredentials(directory);
    this.apps = new Collection(join(directory, "apps"));
    this.builds = new Collection(join(directory, "builds"));
    this.images = new Collection(join(directory, "images"));
    this.imageTags = new Collection(join(directory, "image-tags"));
    this.volumes = new Collection(join(directory, "volumes"));
    this.secrets = new Collection(join(directory, "secrets"));
    this.functions = new Collection(join(directory, "functions"));
    this.sandboxes = new Collection(join(directory, "sandboxes"));
  }

  /** A file or folder of the emulator's own in the state directory. */
  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** Lets another process open the state. */
  close(): void {
    this.#lock.close();
  }
}

/**
 * Takes a lock that the kernel gives back when this process ends, however it ends: a file lock of SQLite,
 * since Node has none of its own and a file with a process id in it goes stale.
 */
function lockDirectory(directory: string): DatabaseSync {
  const database = new DatabaseSync(join(directory, "lock.sqlite"));
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw new StateInUseError(`${directory} is in use by another emulator`, { cause: error });
  }
  return database;
}

function loadCredentials(directory: string): Credentials {
  const file = join(directory, "credentials.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Credentials;
  const credentials: Credentials = {
    instance: randomBytes(6).toString("hex"),
    tokenId: `ak-${randomBytes(11).toString("hex")}`,
    tokenSecret: `as-${randomBytes(24).toString("hex")}`,
    signingKey: randomBytes(32).toString("hex"),
  };
  writeFileSync(`${file}.new`, JSON.stringify(credentials), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return credentials;
}
