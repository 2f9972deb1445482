import type { ModalClientParams } from "modal";

type ClientMiddleware = NonNullable<ModalClientParams["grpcMiddleware"]>[number];

/** Gets what an image build printed, as it is printed; not cut into lines. */
export type BuildLogListener = (text: string) => void;

const JOIN_PATH = "/modal.client.ModalClient/ImageJoinStreaming";

/** The part of ImageJoinStreamingResponse that is read here. */
interface BuildProgress {
  readonly taskLogs?: readonly { readonly data: string }[];
}

/** The SDK follows image builds but shows nothing of them: this listens in on what it receives. */
export function buildLogMiddleware(listener: BuildLogListener): ClientMiddleware {
  return async function* (call, options) {
    if (call.method.path !== JOIN_PATH || !call.responseStream) {
      return yield* call.next(call.request, options);
    }
    for await (const response of call.next(call.request, options)) {
      for (const log of (response as BuildProgress).taskLogs ?? []) listener(log.data);
      yield response;
    }
    return;
  };
}
