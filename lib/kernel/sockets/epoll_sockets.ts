/** Sockets through the system's own calls and epoll, for half of what node:net costs a request. Linux alone. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { CancelSignal } from "../cancel.ts";
import { IN, OUT } from "./epoll_event.ts";
import { EpollLoop } from "./epoll_loop.ts";
import { EpollWire } from "./epoll_wire.ts";
import {
  EAGAIN,
  EINPROGRESS,
  EINTR,
  errnoName,
  IPPROTO_TCP,
  type Libc,
  NONBLOCK,
  pendingErrno,
  SO_KEEPALIVE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOL_SOCKET,
  STREAM,
  systemError,
  TCP_KEEPIDLE,
  TCP_NODELAY,
} from "./libc.ts";
import { addressOf, portOf, type SocketAddress, unixAddressOf } from "./socket_address.ts";
import type { Listener, ListenTarget, Sockets, Wire, WireTarget } from "./wire.ts";

/** Connections taken in one go. */
const TAKEN_MAX = 64;
/** Without a descriptor or memory for another connection, this long passes before the next try. */
const SHORTAGE_MS = 100;
/** How long one address of several is tried before the next, as node:net has it. */
const ADDRESS_MS = 250;
const YES = new Int32Array([1]);

/** One loop for all sockets of this thread: two would keep each other waiting. */
let shared: { readonly loop: EpollLoop; users: number } | null = null;

/** Opens them, and says whether their loop hears Deno's own. Throws when the system has no more of what they need. */
export function epollSockets(libc: Libc): Sockets & { readonly hearsHost: boolean } {
  const mine = shared ?? { loop: new EpollLoop(libc), users: 0 };
  shared = mine;
  mine.users++;
  let isClosed = false;
  return {
    kind: "epoll",
    hearsHost: mine.loop.canHearHost,
    connect: (target, signal) => connect(mine.loop, target, signal),
    listen: (target, taken) => listen(mine.loop, target, taken),
    async close() {
      if (isClosed) return;
      isClosed = true;
      if (--mine.users > 0) return;
      shared = null;
      await mine.loop.close();
    },
  };
}

async function connect(loop: EpollLoop, target: WireTarget, signal: CancelSignal): Promise<Wire> {
  signal.throwIfAborted();
  const addresses = await addressesOf(target);
  let failure: unknown = new Error("No address");
  for (const [i, address] of addresses.entries()) {
    const limitMs = i < addresses.length - 1 ? ADDRESS_MS : null;
    try {
      const { fd, wire } = await connectTo(loop, address, signal, limitMs);
      const keepAliveMs = "path" in target ? undefined : target.keepAliveMs;
      if (keepAliveMs !== undefined) keepAlive(loop.libc, fd, keepAliveMs);
      return wire;
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

async function addressesOf(target: WireTarget): Promise<SocketAddress[]> {
  if ("path" in target) return [unixAddressOf(target.path)];
  const { hostname, port } = target;
  if (isIP(hostname) !== 0) return [addressOf(hostname, port)];
  return (await lookup(hostname, { all: true })).map(({ address }) => addressOf(address, port));
}

function connectTo(
  loop: EpollLoop,
  { family, bytes }: SocketAddress,
  signal: CancelSignal,
  limitMs: number | null,
): Promise<{ fd: number; wire: Wire }> {
  const { libc } = loop;
  const fd = libc.socket(family, STREAM, 0);
  if (fd < 0) return Promise.reject(systemError("socket", libc.errno()));
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, YES, YES.byteLength);
  if (libc.connect(fd, bytes, bytes.length) < 0 && libc.errno() !== EINPROGRESS) {
    const error = systemError("connect", libc.errno());
    libc.close(fd);
    return Promise.reject(error);
  }
  return new Promise((resolve, reject) => {
    const giveUp = (reason: unknown) => {
      over();
      loop.drop(fd);
      reject(reason);
    };
    const onAbort = () => giveUp(signal.reason);
    const timer = limitMs === null
      ? null
      : setTimeout(() => giveUp(new Error(`No connection in ${limitMs} ms`)), limitMs);
    const over = () => {
      signal.removeEventListener("abort", onAbort);
      if (timer !== null) clearTimeout(timer);
    };
    signal.addEventListener("abort", onAbort);
    const dialled = {
      on() {
        const errno = pendingErrno(libc, fd);
        if (errno !== 0) return giveUp(systemError("connect", errno));
        over();
        resolve({ fd, wire: new EpollWire(loop, fd, OUT) });
      },
    };
    loop.own(fd, dialled);
    loop.add(fd, OUT);
  });
}

/** Asks after `spanMs` of silence, in whole seconds, as often as the system does. */
function keepAlive(libc: Libc, fd: number, spanMs: number): void {
  const spanS = new Int32Array([Math.ceil(spanMs / 1_000)]);
  libc.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, YES, YES.byteLength);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, spanS, spanS.byteLength);
}

async function listen(
  loop: EpollLoop,
  { hostname, port, sharesPort, backlog }: ListenTarget,
  taken: (wire: Wire) => void,
): Promise<Listener> {
  const { libc } = loop;
  const ip = isIP(hostname) !== 0 ? hostname : (await lookup(hostname)).address;
  const { family, bytes } = addressOf(ip, port);
  const fd = libc.socket(family, STREAM, 0);
  if (fd < 0) throw systemError("socket", libc.errno());
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, YES, YES.byteLength);
  if (sharesPort) libc.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, YES, YES.byteLength);
  const isBound = libc.bind(fd, bytes, bytes.length) === 0;
  if (!isBound || libc.listen(fd, backlog) < 0) {
    const error = systemError(isBound ? "listen" : "bind", libc.errno());
    libc.close(fd);
    throw error;
  }
  let isClosed = false;
  const again = () => isClosed || loop.change(fd, IN);
  const door = {
    on() {
      for (let i = 0; i < TAKEN_MAX && !isClosed; i++) {
        const one = libc.accept4(fd, null, null, NONBLOCK);
        if (one >= 0) {
          libc.setsockopt(one, IPPROTO_TCP, TCP_NODELAY, YES, YES.byteLength);
          taken(new EpollWire(loop, one, null));
          continue;
        }
        const errno = libc.errno();
        if (errno === EAGAIN) return;
        if (errno === EINTR || isTheirs(errno)) continue;
        loop.change(fd, 0);
        setTimeout(again, SHORTAGE_MS);
        return;
      }
    },
  };
  loop.own(fd, door);
  loop.add(fd, IN);
  return {
    port: portOf(libc, fd),
    close() {
      if (isClosed) return;
      isClosed = true;
      loop.drop(fd);
    },
  };
}

/** The network's fault or the client's, who left before it was taken; not a shortage of ours. Source: accept(2). */
const THEIRS = new Set([
  "ECONNABORTED",
  "EPROTO",
  "ENETDOWN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EPERM",
]);
function isTheirs(errno: number): boolean {
  return THEIRS.has(errnoName(errno));
}
