/**
 * The client-facing core for the inference routes: HTTP/1.1 by hand for the plain POST, everything else handed to the
 * full server behind it. Why it exists: `docs/decisions/0007-own-front.md`.
 */
import net from "node:net";
import { relayed } from "@/lib/kernel/cancel.ts";
import type { ApiDeps } from "../api.ts";
import { FrontClient } from "./client.ts";
import type { ClientHome } from "./client_home.ts";

/** Connections at a time, idle ones among them. */
const CONNECTIONS_MAX = 16_384;
/** How often limits are looked at, and how old the date of an answer may be. */
const LOOK_EVERY_MS = 1_000;
/** How much of an answer waits in our memory for a slow client. */
const WRITE_AHEAD_BYTES = 32_768;
const BACKLOG = 4_096;

export type FrontOptions = {
  readonly api: ApiDeps;
  readonly hostname: string;
  readonly port: number;
  /** Other processes listen on the same port. */
  readonly sharesPort: boolean;
  /** Where the full server listens on this machine. */
  readonly fullPort: number;
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
  const { hostname, port, sharesPort, fullPort } = options;
  // Each request listens; one listener at the gateway's own signal is enough.
  const api = { ...options.api, stopping: relayed(options.api.stopping) };
  const clients = new Set<FrontClient>();
  let stopping = false;
  let date = new Date(api.clock.now()).toUTCString();
  const home: ClientHome = {
    api,
    fullPort,
    stopping: () => stopping,
    date: () => date,
    gone: (client) => void clients.delete(client),
  };
  const socketOptions = { noDelay: true, allowHalfOpen: true, highWaterMark: WRITE_AHEAD_BYTES };
  const server = net.createServer(socketOptions, (socket) => {
    if (clients.size >= CONNECTIONS_MAX || stopping) return void socket.destroy();
    clients.add(new FrontClient(socket, home));
  });
  const timer = setInterval(() => {
    date = new Date(api.clock.now()).toUTCString();
    const nowMs = api.clock.elapsedMs();
    for (const client of clients) client.look(nowMs);
  }, LOOK_EVERY_MS);
  const closed = new Promise<void>((resolve) => server.once("close", () => resolve()));
  try {
    await listening(server, { host: hostname, port, reusePort: sharesPort, backlog: BACKLOG });
  } catch (error) {
    clearInterval(timer);
    throw error;
  }
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    async shutdown() {
      stopping = true;
      server.close();
      for (const client of clients) client.stop();
      await closed;
      clearInterval(timer);
    },
    destroy() {
      for (const client of clients) client.destroy();
    },
  };
}

function listening(server: net.Server, options: net.ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
