/**
 * Finds the epoll under Deno's own event loop, so that one wait on our thread hears of Deno's sockets and of ours. Deno
 * does not tell which it is, but the system tells what each epoll of the process watches: Deno's watches a listener that
 * we ask it for. Source: proc_pid_fdinfo(5).
 */
import { CLOEXEC, type Libc } from "./libc.ts";
import { portOf } from "./socket_address.ts";
import type { Bytes } from "./wire.ts";

/** Descriptors looked through; a process has its event loops early. */
const DESCRIPTORS_MAX = 512;
const EPOLL_NAME = "anon_inode:[eventpoll]";
const TEXT_BYTES_MAX = 1_000_000;

/** The descriptor of this thread's event loop; null where it cannot be told. Throws nothing. */
export function findHostLoop(libc: Libc): number | null {
  try {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const open = descriptors(libc);
    const watched = open.find(({ fd, name }) =>
      name.startsWith("socket:") && portOf(libc, fd) === port
    );
    if (watched === undefined) return null;
    const line = new RegExp(`^tfd:\\s+${watched.fd}\\s`, "m");
    const host = open.find(({ fd, name }) =>
      name === EPOLL_NAME && line.test(textOf(libc, `/proc/self/fdinfo/${fd}`))
    );
    return host?.fd ?? null;
  } catch {
    return null; // no permission for the network, no loopback, or no /proc: the slower way is taken
  }
}

/** What this process has open, by its names in /proc. Deno's own reading of /proc wants every permission there is. */
function descriptors(libc: Libc): { fd: number; name: string }[] {
  const name = new Uint8Array(64);
  return Array.from({ length: DESCRIPTORS_MAX }, (_, fd) => fd).flatMap((fd) => {
    const length = libc.readlink(cString(`/proc/self/fd/${fd}`), name, BigInt(name.length));
    return length < 0 ? [] : [{ fd, name: new TextDecoder().decode(name.subarray(0, length)) }];
  });
}

function textOf(libc: Libc, path: string): string {
  const fd = libc.open(cString(path), CLOEXEC);
  if (fd < 0) return "";
  const bytes = new Uint8Array(TEXT_BYTES_MAX);
  let length = 0;
  for (;;) {
    const room = bytes.subarray(length);
    const count = libc.read(fd, room, BigInt(room.length));
    if (count <= 0) break;
    length += count;
  }
  libc.close(fd);
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function cString(text: string): Bytes {
  return new TextEncoder().encode(`${text}\0`);
}
