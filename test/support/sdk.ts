import { ModalClient } from "modal";
import type { ParheliaHome } from "./parhelia.ts";

/**
 * The unmodified SDK, connected to a home's emulator by what `parhelia local serve` prints, as any Modal
 * program is. The variables stay set in this process.
 */
export async function connectSdk(home: ParheliaHome): Promise<ModalClient> {
  Object.assign(process.env, await home.json(["local", "serve"]), {
    // The SDK warns that a channel on loopback is not encrypted.
    MODAL_LOGLEVEL: "error",
  });
  return new ModalClient();
}
