import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** Where a line of a build's log comes from; `info` is the emulator itself. */
export type LogStream = "stdout" | "stderr" | "info";

/** One line of a build's log, with its end of line. */
export interface LogEntry {
  readonly text: string;
  readonly stream: LogStream;
  readonly atMs: number;
}

/** Lines that a log keeps; of a longer one the oldest are dropped. */
const MAX_ENTRIES = 20_000;

/** Shorter values are too likely to be a part of innocent words; they are no secrets either. */
const MIN_MASKED_LENGTH = 5;

/** The log of one build, for any number of readers, each at a position of its own. */
export class BuildLog {
  #entries: LogEntry[] = [];
  #dropped = 0;
  #masked: readonly string[] = [];
  #change = Promise.withResolvers<undefined>();

  /** Position after the newest line. */
  get end(): number {
    return this.#dropped + this.#entries.length;
  }

  /** Values that are replaced by `***` in all lines from now on. */
  mask(values: readonly string[]): void {
    const lines = values.flatMap((value) => value.split("\n"));
    this.#masked = lines
      .filter((line) => line.length >= MIN_MASKED_LENGTH)
      .sort((a, b) => b.length - a.length);
  }

  /** Adds a line; returns it as it was kept, without secrets. */
  write(line: string, stream: LogStream = "info"): string {
    const text = this.#masked.reduce((masked, value) => masked.replaceAll(value, "***"), line);
    this.#entries.push({ text: `${text}\n`, stream, atMs: Date.now() });
    if (this.#entries.length > MAX_ENTRIES) {
      this.#dropped += this.#entries.splice(0, MAX_ENTRIES / 2).length;
    }
    this.wakeReaders();
    return text;
  }

  /** A stream into the log: each line of what is written to it. `onLine` gets the line as it was kept. */
  writable(stream: LogStream, onLine: (line: string) => void = () => undefined): Writable {
    const decoder = new StringDecoder("utf8");
    let rest = "";
    const take = (text: string) => {
      // A carriage return at the very end may be the first half of a line's end.
      const lines = (rest + text).split(/\r?\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(this.write(line, stream));
    };
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        take(decoder.write(chunk));
        done();
      },
      final: (done) => {
        take(decoder.end());
        if (rest !== "") onLine(this.write(rest.replace(/\r$/, ""), stream));
        done();
      },
    });
  }

  /** The lines from a position on. */
  since(position: number): LogEntry[] {
    return this.#entries.slice(Math.max(0, position - this.#dropped));
  }

  /** Resolves at the next line, or when `wakeReaders` is called. */
  changed(): Promise<undefined> {
    return this.#change.promise;
  }

  /** Lets readers look again: something other than a line has changed. */
  wakeReaders(): void {
    this.#change.resolve(undefined);
    this.#change = Promise.withResolvers();
  }
}
