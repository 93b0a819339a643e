/** What the tests of the upstream share: a raw TCP server that plays a script, byte for byte, and a client's patience. */
import { SOCKETS_OF_THIS_SYSTEM } from "@/lib/kernel/sockets/sockets_testing.ts";
import { Buffer } from "node:buffer";
import { millis } from "@/lib/kernel/clock.ts";
import type { Upstream, UpstreamRequest, UpstreamResponse } from "./upstream.ts";
import { openFetchUpstream } from "./upstream_fetch.ts";
import { openHttp1Upstream } from "./upstream_http1.ts";
import { TEST_AUTHORITY } from "./upstream_testing_tls.ts";

const LEVEL_MS_MAX = 8_000;

/** One accepted connection, as its script sees it; it is closed when the script returns. */
export type Peer = {
  /** Its number, from 0, in order of arrival. */
  readonly nth: number;
  /** The next request with its body, or null when the client closed. */
  request(): Promise<{ head: string; body: string } | null>;
  write(text: string | Uint8Array): Promise<void>;
  /** Resolves when the client has closed its side, cleanly or not. */
  clientGone(): Promise<void>;
};

export type Scripted = { readonly url: URL; readonly accepted: () => number };

/** Serves `script` on a loopback port while `work` runs, over TLS when a certificate is given. */
export async function withScript(
  script: (peer: Peer) => Promise<void>,
  work: (server: Scripted) => Promise<void>,
  tls?: { cert: string; key: string },
): Promise<void> {
  const listener = tls === undefined
    ? Deno.listen({ hostname: "127.0.0.1", port: 0 })
    : Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...tls });
  let accepted = 0;
  const open = new Set<Deno.Conn>();
  const running: Promise<void>[] = [];
  const accepting = (async () => {
    for (;;) {
      let conn: Deno.Conn;
      try {
        conn = await listener.accept();
      } catch {
        return;
      }
      open.add(conn);
      running.push(play(conn, accepted++, script).finally(() => close(conn)));
    }
  })();
  const close = (conn: Deno.Conn) => {
    if (open.delete(conn)) conn.close();
  };
  try {
    const scheme = tls === undefined ? "http" : "https";
    await work({
      url: new URL(`${scheme}://127.0.0.1:${listener.addr.port}/v1/x?y=1`),
      accepted: () => accepted,
    });
  } finally {
    listener.close();
    await accepting;
    for (const conn of open) close(conn);
    await Promise.all(running);
  }
}

async function play(
  conn: Deno.Conn,
  nth: number,
  script: (peer: Peer) => Promise<void>,
): Promise<void> {
  if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
  let held = "";
  const chunk = new Uint8Array(64 * 1024);
  const more = async () => {
    const count = await conn.read(chunk).catch(() => null);
    if (count !== null) held += Buffer.from(chunk.subarray(0, count)).toString("latin1");
    return count !== null;
  };
  const peer: Peer = {
    nth,
    async request() {
      while (!held.includes("\r\n\r\n")) if (!await more()) return null;
      const end = held.indexOf("\r\n\r\n") + 4;
      const head = held.slice(0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      while (held.length < end + length) if (!await more()) return null;
      const body = held.slice(end, end + length);
      held = held.slice(end + length);
      return { head, body };
    },
    async write(text) {
      const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    },
    async clientGone() {
      while (await more());
    },
  };
  try {
    await script(peer);
  } catch {
    // The client left in the middle; its own test says whether it should have.
  }
}

export const never = (): AbortSignal => new AbortController().signal;

/** A small POST, with what a test wants changed. */
export function post(url: URL, changes: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    url,
    method: "POST",
    headers: [["content-type", "application/json"]],
    body: new TextEncoder().encode('{"a":1}'),
    signal: never(),
    connectTimeoutMs: millis(5_000),
    headersTimeoutMs: millis(5_000),
    ...changes,
  };
}

export async function textOf(response: UpstreamResponse): Promise<string> {
  let text = "";
  for await (const piece of response.body) text += Buffer.from(piece).toString("latin1");
  return text;
}

/** Sends and reads everything: the text at a clean end, else it throws. */
export async function fetchText(upstream: Upstream, request: UpstreamRequest): Promise<string> {
  return await textOf(await upstream.send(request));
}

/** Gives the other side time to see one write apart from the next. */
export function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Waits for a level, looking often; throws with `what` when it does not come. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + LEVEL_MS_MAX;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Registers the test once for each client, ours over each kind of sockets; all trust the test authority. */
export function bothClients(
  what: string,
  work: (upstream: Upstream, name: "fetch" | "http1") => Promise<void>,
): void {
  const caCerts = [TEST_AUTHORITY];
  Deno.test(`fetch: ${what}`, async () => {
    const upstream = openFetchUpstream({ caCerts });
    try {
      await work(upstream, "fetch");
    } finally {
      upstream.close();
    }
  });
  for (const [kind, open] of SOCKETS_OF_THIS_SYSTEM) {
    Deno.test(`http1 over ${kind}: ${what}`, async () => {
      const sockets = open();
      const upstream = openHttp1Upstream({ caCerts, sockets });
      try {
        await work(upstream, "http1");
      } finally {
        upstream.close();
        await sockets.close();
      }
    });
  }
}

/** Answers every request of a connection with the same bytes. */
export const always = (answer: string) => async (peer: Peer) => {
  while (await peer.request() !== null) await peer.write(answer);
};
/** Answers one request and closes. */
export const once = (answer: string) => async (peer: Peer) => {
  if (await peer.request() !== null) await peer.write(answer);
};
