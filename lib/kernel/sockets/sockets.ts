/** Which way to the system's sockets is taken. */
import type { Log } from "../log.ts";
import { epollSockets } from "./epoll_sockets.ts";
import { openLibc } from "./libc.ts";
import { nodeSockets } from "./node_sockets.ts";
import type { Sockets } from "./wire.ts";

/** `auto`: epoll where it can be had, else node. */
export type SocketsWish = "auto" | "epoll" | "node";

/** Opens them, and says in the log which they are. Throws when `epoll` is wished for and cannot be had. */
export function openSockets(wish: SocketsWish, log: Log): Sockets {
  if (wish === "node") return nodeSockets();
  try {
    const sockets = epollSockets(openLibc());
    log.info("sockets.opened", { kind: sockets.kind });
    return sockets;
  } catch (error) {
    if (wish === "epoll") throw error;
    log.info("sockets.opened", { kind: "node", because: String(error) });
    return nodeSockets();
  }
}
