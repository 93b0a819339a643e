/** The kinds of sockets that can be had here, for tests that hold for all of them. */
import { epollSockets } from "./epoll_sockets.ts";
import { openLibc } from "./libc.ts";
import { nodeSockets } from "./node_sockets.ts";
import type { Sockets } from "./wire.ts";

export const SOCKETS_OF_THIS_SYSTEM: readonly (readonly [Sockets["kind"], () => Sockets])[] = [
  ["node", nodeSockets],
  ...Deno.build.os === "linux" ? [["epoll", () => epollSockets(openLibc())] as const] : [],
];
