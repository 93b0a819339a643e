/** For tests of sockets: the kinds that can be had here, and a wait. */
import { epollSockets } from "./epoll_sockets.ts";
import { openLibc } from "./libc.ts";
import { nodeSockets } from "./node_sockets.ts";
import type { Sockets } from "./wire.ts";

export const SOCKETS_OF_THIS_SYSTEM: readonly (readonly [Sockets["kind"], () => Sockets])[] = [
  ["node", nodeSockets],
  ...Deno.build.os === "linux" ? [["epoll", () => epollSockets(openLibc())] as const] : [],
];

const DEADLINE_MS = 10_000;

/** Polls for a level; throws with `what` when it does not come. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
