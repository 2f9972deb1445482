/** The parts of Claude Code's stream-json messages that are read here. */
interface StreamMessage {
  readonly type?: string;
  readonly parent_tool_use_id?: string | null;
  readonly event?: {
    readonly type?: string;
    readonly delta?: { readonly type?: string; readonly text?: string };
  };
  readonly is_error?: boolean;
  readonly result?: string;
}

/**
 * Turns Claude Code's stream of JSON lines into the text of its answer, piece by piece as it arrives. What
 * is no JSON passes as it is. Text of sub-agents is left out: their results come back through the answer.
 */
export function streamedText(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  const answer = new AnswerText();
  let rest = "";
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) emit(controller, answer.next(line));
    },
    flush(controller) {
      emit(controller, answer.next(rest + decoder.decode()));
    },
  });

  function emit(controller: TransformStreamDefaultController<Uint8Array>, text: string): void {
    if (text !== "") controller.enqueue(encoder.encode(text));
  }
}

/** What of the answer has been shown so far. */
class AnswerText {
  #endsWithLineBreak = true;

  /** The text that a line adds to the answer. */
  next(line: string): string {
    if (line.trim() === "") return "";
    const text = this.#textOf(line);
    if (text !== "") this.#endsWithLineBreak = text.endsWith("\n");
    return text;
  }

  #textOf(line: string): string {
    const message = parse(line);
    if (message === undefined) return `${line}\n`;
    if (message.type === "stream_event" && message.parent_tool_use_id == null) {
      return this.#textOfEvent(message.event);
    }
    if (message.type !== "result") return "";
    // A failed turn has streamed nothing: its reason is all there is to show.
    const reason = message.is_error === true ? (message.result ?? "") : "";
    return reason === "" ? this.#lineBreak() : `${this.#lineBreak()}${reason}\n`;
  }

  #textOfEvent(event: StreamMessage["event"]): string {
    if (event?.type === "content_block_delta" && event.delta?.type === "text_delta") {
      return event.delta.text ?? "";
    }
    return event?.type === "content_block_stop" ? this.#lineBreak() : "";
  }

  #lineBreak(): string {
    return this.#endsWithLineBreak ? "" : "\n";
  }
}

function parse(line: string): StreamMessage | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
