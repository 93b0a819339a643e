/** Which way to the system's sockets is taken. */
import type { Log } from "../log.ts";
import { epollSockets } from "./epoll_sockets.ts";
import { openLibc } from "./libc.ts";
import { nodeSockets } from "./node_sockets.ts";
import type { Sockets } from "./wire.ts";

/** `auto`: epoll where it can be had, else node. */
export type SocketsWish = "auto" | "epoll" | "node";

/** What it costs when the loop of our sockets does not hear Deno's own. */
const DEAF = "Cannot hear Deno's event loop: a thread waits for our sockets, at more CPU per wake";

/** Opens them, and says in the log which they are. Throws when `epoll` is wished for and cannot be had. */
export function openSockets(wish: SocketsWish, log: Log, libcOf = openLibc): Sockets {
  if (wish === "node") return nodeSockets();
  try {
    const sockets = epollSockets(libcOf());
    const { kind, hearsHost } = sockets;
    if (hearsHost) log.info("sockets.opened", { kind, hears_host: true });
    else log.warn("sockets.opened", { kind, hears_host: false, because: DEAF });
    return sockets;
  } catch (error) {
    if (wish === "epoll") throw error;
    log.info("sockets.opened", { kind: "node", because: String(error) });
    return nodeSockets();
  }
}
