import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** State of a TCP socket that waits for connections, as /proc says it. */
const LISTEN = "0A";

/** The addresses on which a process listens for TCP connections, `127.0.0.1:1234`, from /proc. */
export function listeningAddresses(pid: number): string[] {
  const inodes = socketInodes(pid);
  return ["tcp", "tcp6"]
    .flatMap((table) =>
      readFileSync(`/proc/${pid}/net/${table}`, "utf8").trim().split("\n").slice(1),
    )
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTEN && inodes.has(inode ?? ""))
    .map(([, address = ""]) => readable(address));
}

function socketInodes(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`;
  const targets = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`);
    } catch {
      return ""; // it has just been closed
    }
  });
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
}

/** `0100007F:1F90` is 127.0.0.1:8080: the bytes of each group of four are turned round. */
function readable(hexadecimal: string): string {
  const [host = "", port = ""] = hexadecimal.split(":");
  const groups = host.match(/.{8}/g) ?? [];
  const bytes = groups.flatMap((group) => [...Buffer.from(group, "hex")].reverse());
  return `${bytes.length === 4 ? bytes.join(".") : bytes.map((b) => b.toString(16)).join(":")}:${Number.parseInt(port, 16)}`;
}
