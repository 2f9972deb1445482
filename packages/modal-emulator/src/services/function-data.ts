import { Decoder, Encoder } from "cbor-x";
import { ServerError, Status } from "nice-grpc";
import { DataFormat, type FunctionInput } from "../generated/modal_client.ts";

/** Plain CBOR, as every client of Modal writes and reads it. */
const FORMAT = { mapsAsObjects: true, useRecords: false, tagUint8Array: false };
const encoder = new Encoder(FORMAT);
const decoder = new Decoder(FORMAT);

/**
 * What the command of a Function gets on its standard input: the call's one argument, as JSON.
 * @throws ServerError INVALID_ARGUMENT for what has no such form
 */
export function commandInput(input: FunctionInput | undefined): string {
  const { args, argsBlobId, dataFormat } = input ?? {};
  if (argsBlobId !== undefined) {
    throw new ServerError(Status.UNIMPLEMENTED, "modal-emulator does not serve inputs as blobs");
  }
  if (dataFormat !== DataFormat.DATA_FORMAT_CBOR || args === undefined) {
    throw new ServerError(Status.INVALID_ARGUMENT, "a Function's input has to be CBOR");
  }
  const [positional = [], named = {}] = decoder.decode(args) as [unknown[]?, object?];
  if (positional.length !== 1 || Object.keys(named).length > 0) {
    const given = `${positional.length} and ${Object.keys(named).length} by name`;
    throw new ServerError(
      Status.INVALID_ARGUMENT,
      `a Function of the emulator takes one argument; it was given ${given}`,
    );
  }
  return JSON.stringify(positional[0]);
}

/** The call's return value as CBOR: the last line that the command printed, where that is JSON. */
export function returnValue(stdout: string): Buffer | undefined {
  const line = stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    return encoder.encode(JSON.parse(line));
  } catch {
    return undefined;
  }
}
