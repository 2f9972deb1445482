const LINE_END = 0x0a;

/** A stream of bytes that begins with lines of text. */
export class LineThenBytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #waiting: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** @returns the next line; undefined when the stream ends before its end */
  async line(): Promise<string | undefined> {
    const pieces: Uint8Array[] = [];
    for (;;) {
      const end = this.#waiting.indexOf(LINE_END);
      if (end >= 0) {
        pieces.push(this.#waiting.subarray(0, end));
        this.#waiting = this.#waiting.subarray(end + 1);
        return Buffer.concat(pieces).toString();
      }
      pieces.push(this.#waiting);
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#waiting = next.value;
    }
  }

  /** All that follows. */
  async *bytes(): AsyncGenerator<Uint8Array, undefined> {
    if (this.#waiting.length > 0) yield this.#waiting;
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      yield next.value;
    }
  }
}
