/** A process's output: 0 is standard output, 1 standard error, as the command router counts. */
export type OutputFd = 0 | 1;

/** Some output of a process. */
export interface OutputChunk {
  readonly fd: OutputFd;
  readonly data: Buffer;
}

const HEADER_BYTES = 8;
const STDERR = 2;

/**
 * Takes the engine's multiplexed output apart: each frame is a header of eight bytes, stream number first
 * and length in the last four, and the data. A frame may come in pieces; pieces are passed on as they come.
 */
export async function* demultiplex(stream: AsyncIterable<Buffer>): AsyncGenerator<OutputChunk> {
  let header = Buffer.alloc(0);
  let fd: OutputFd = 0;
  let remaining = 0;
  for await (const piece of stream) {
    let rest = piece;
    while (rest.length > 0) {
      if (remaining === 0) {
        const missing = HEADER_BYTES - header.length;
        header = Buffer.concat([header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (header.length < HEADER_BYTES) break;
        fd = header[0] === STDERR ? 1 : 0;
        remaining = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const data = rest.subarray(0, remaining);
      rest = rest.subarray(data.length);
      remaining -= data.length;
      yield { fd, data };
    }
  }
}

/** A terminal's output, which the engine does not multiplex: all of it is standard output. */
export async function* terminalOutput(stream: AsyncIterable<Buffer>): AsyncGenerator<OutputChunk> {
  for await (const data of stream) yield { fd: 0, data };
}
