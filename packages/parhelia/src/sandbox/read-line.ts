/** A stream's first line, or all of what has none. `rest` is the stream's end. */
export async function readLine(
  stream: ReadableStream<string>,
): Promise<{ line: string; rest: Promise<unknown> }> {
  const reader = stream.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    text += value ?? "";
    const end = text.indexOf("\n");
    if (done || end >= 0) return { line: end < 0 ? text : text.slice(0, end), rest: drain(reader) };
  }
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}
