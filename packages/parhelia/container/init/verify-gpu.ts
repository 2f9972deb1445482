import type { Environment } from "./session-environment.ts";
import { runAsUser } from "./user-command.ts";

/**
 * Asks the driver itself, by ctypes: what PyTorch would answer too, but several seconds later. Ends with
 * CUDA's own number and name of the error.
 */
const CUDA_CHECK = `
import ctypes, sys
try:
    cuda = ctypes.CDLL("libcuda.so.1")
except OSError as error:
    sys.exit(f"CUDA does not answer: {error}")
def check(call, status):
    if status != 0:
        name = ctypes.c_char_p()
        cuda.cuGetErrorName(status, ctypes.byref(name))
        sys.exit(f"CUDA does not answer: {call} failed with {status} {(name.value or b'').decode()}")
check("cuInit", cuda.cuInit(0))
count = ctypes.c_int()
check("cuDeviceGetCount", cuda.cuDeviceGetCount(ctypes.byref(count)))
if count.value == 0:
    sys.exit("CUDA does not answer: it sees no GPU")
`;

/**
 * SPEC-01.AC2: the variant parhelia-gpu has a GPU that its user can use; any other has nothing to verify.
 * @throws StepError with what nvidia-smi or CUDA said.
 */
export async function verifyGpu(environment: Environment): Promise<void> {
  if (environment["PARHELIA_VARIANT"] !== "parhelia-gpu") return;
  await runAsUser(["nvidia-smi", "-L"], { environment });
  await runAsUser(["python3", "-c", CUDA_CHECK], { environment, shownAs: "the CUDA check" });
}
