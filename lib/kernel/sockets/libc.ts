/**
 * The system calls under {@link epollSockets}, through the C library: Linux on x86-64 and arm64. Nothing here waits, but
 * for `epoll_wait_aside`, which does so on a thread of Deno's pool. Source: the Linux man pages, sections 2 and 7.
 */
import { constants, endianness } from "node:os";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  epoll_wait_aside: {
    name: "epoll_wait",
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] & {
  /** What went wrong in the last call that answered -1; read it before any other call. */
  errno(): number;
};

/** glibc's name, and musl's. */
const NAMES = ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`];

/** The C library. Throws where there is none of these, or no permission for it (`--allow-ffi`). */
export function openLibc(): Libc {
  if (Deno.build.os !== "linux") throw new Error(`epoll is Linux's, and this is ${Deno.build.os}`);
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    throw new Error("No permission for the C library: start with --allow-ffi");
  }
  if (endianness() !== "LE") throw new Error("Written for little-endian computers");
  let failure: unknown = null;
  for (const name of NAMES) {
    try {
      const { symbols } = Deno.dlopen(name, SYMBOLS);
      const location = symbols.__errno_location();
      if (location === null) throw new Error("The C library has no errno");
      const errno = new Deno.UnsafePointerView(location);
      return Object.assign(Object.create(null), symbols, { errno: () => errno.getInt32() });
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** The numbers of these calls that we use; the same on both architectures. */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
/** SOCK_STREAM, SOCK_NONBLOCK and SOCK_CLOEXEC. */
export const STREAM = 1 | 0o4000 | 0o2000000;
export const NONBLOCK = 0o4000 | 0o2000000;
/** SOCK_CLOEXEC, EPOLL_CLOEXEC and O_CLOEXEC are one number; O_RDONLY is none. */
export const CLOEXEC = 0o2000000;
export const NO_SIGNAL = 0x4000;
export const SHUT_WR = 1;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_REUSEPORT = 15;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;

const { errno } = constants;
export const EINTR = errno.EINTR;
export const EAGAIN = errno.EAGAIN;
export const EINPROGRESS = errno.EINPROGRESS;

/** An error as Node tells it: `connect ECONNREFUSED`, with its code and number. */
export function systemError(call: string, number: number): Error {
  const code = errnoName(number);
  return Object.assign(new Error(`${call} ${code}`), { errno: -number, code, syscall: call });
}

export function errnoName(number: number): string {
  return Object.entries(errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}

/** What went wrong on a socket meanwhile; 0: nothing. Asking clears it. */
export function pendingErrno(libc: Libc, fd: number): number {
  const value = new Int32Array(1);
  libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, new Uint32Array([value.byteLength]));
  return value[0] ?? 0;
}
