/**
 * The client-facing core for the inference routes: HTTP/1.1 by hand for the plain POST, everything else handed to the
 * full server behind it. Why it exists: `docs/decisions/0007-own-front.md`.
 */
import { relayed } from "@/lib/kernel/cancel.ts";
import type { Sockets } from "@/lib/kernel/sockets/wire.ts";
import type { ApiDeps } from "../api.ts";
import { FrontClient } from "./client.ts";
import type { ClientHome } from "./client_home.ts";

/** Connections at a time, idle ones among them. */
const CONNECTIONS_MAX = 16_384;
/** How often limits are looked at, and how old the date of an answer may be. */
const LOOK_EVERY_MS = 1_000;
const BACKLOG = 4_096;

export type FrontOptions = {
  readonly api: ApiDeps;
  readonly hostname: string;
  readonly port: number;
  /** Other processes listen on the same port. */
  readonly sharesPort: boolean;
  /** Where the full server listens on this machine. */
  readonly fullPort: number;
  readonly sockets: Sockets;
};

export type Front = {
  readonly port: number;
  /** Takes no new connection and lets requests under way finish; resolves when every connection is closed. */
  shutdown(): Promise<void>;
  /** Closes every connection at once. */
  destroy(): void;
};

/** Listens. Rejects when the address cannot be had. */
export async function openFront(options: FrontOptions): Promise<Front> {
  const { hostname, port, sharesPort, fullPort, sockets } = options;
  // Each request listens; one listener at the gateway's own signal is enough.
  const api = { ...options.api, stopping: relayed(options.api.stopping) };
  const clients = new Set<FrontClient>();
  let stopping = false;
  let date = new Date(api.clock.now()).toUTCString();
  const home: ClientHome = {
    api,
    fullPort,
    sockets,
    stopping: () => stopping,
    date: () => date,
    gone(client) {
      clients.delete(client);
      if (stopping && clients.size === 0) empty.resolve();
    },
  };
  const empty = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    date = new Date(api.clock.now()).toUTCString();
    const nowMs = api.clock.elapsedMs();
    for (const client of clients) client.look(nowMs);
  }, LOOK_EVERY_MS);
  const target = { hostname, port, sharesPort, backlog: BACKLOG };
  const listener = await sockets.listen(target, (wire) => {
    if (clients.size >= CONNECTIONS_MAX || stopping) return wire.close();
    clients.add(new FrontClient(wire, home));
  }).catch((error) => {
    clearInterval(timer);
    throw error;
  });
  return {
    port: listener.port,
    async shutdown() {
      stopping = true;
      listener.close();
      for (const client of clients) client.stop();
      if (clients.size > 0) await empty.promise;
      clearInterval(timer);
    },
    destroy() {
      for (const client of clients) client.destroy();
    },
  };
}
