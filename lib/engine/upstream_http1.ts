/** The upstream by our own HTTP/1.1 client: it sees every byte once, ends at once, and knows when a retry is safe. */
import { type Clock, systemClock } from "@/lib/kernel/clock.ts";
import { Http1Connection } from "./http1_connection.ts";
import { encodeRequest } from "./http1_head.ts";
import {
  checkRequest,
  type Upstream,
  UpstreamFailure,
  type UpstreamRequest,
  type UpstreamResponse,
} from "./upstream.ts";

/** vLLM closes an idle connection after 5 s; ours are gone before. */
const IDLE_MS_MAX = 4_000;
const IDLE_PER_ORIGIN_MAX = 1_024;
const SWEEP_MS = 1_000;
/** A server that says when it closes may be early by this much. */
const KEEP_ALIVE_MARGIN_MS = 500;
const CONNECTIONS_MAX = 16_384;
/** A reused connection that breaks before any answer was closed under us, if that shows this soon. */
const STALE_MS_MAX = 2_000;

type Resting = { readonly connection: Http1Connection; readonly untilMs: number };

export type Http1Options = {
  /** PEM certificates trusted beside the system's. */
  readonly caCerts?: readonly string[];
  readonly clock?: Clock;
};

/** Opens it. Nothing is connected before the first exchange. */
export function openHttp1Upstream(
  { caCerts = [], clock = systemClock }: Http1Options = {},
): Upstream {
  const pools = new Map<string, Resting[]>();
  let connections = 0;
  let closed = false;
  let sweeper: ReturnType<typeof setInterval> | null = null;

  const home = (origin: string) => ({
    rest(connection: Http1Connection, forMs: number) {
      const pool = pools.get(origin) ?? [];
      pools.set(origin, pool);
      const restMs = Math.min(IDLE_MS_MAX, forMs - KEEP_ALIVE_MARGIN_MS);
      if (closed || restMs <= 0 || pool.length >= IDLE_PER_ORIGIN_MAX) {
        return connection.fail(notKept());
      }
      connection.idle();
      pool.push({ connection, untilMs: clock.elapsedMs() + restMs });
      sweeper ??= startSweeper();
    },
    lost: () => void connections--,
  });

  /** The one used last, so that the others can grow old. */
  function take(origin: string): Http1Connection | null {
    const pool = pools.get(origin);
    for (let one = pool?.pop(); one !== undefined; one = pool?.pop()) {
      if (one.connection.isClosed) continue;
      if (one.untilMs > clock.elapsedMs()) return one.connection;
      one.connection.fail(notKept());
    }
    return null;
  }

  function sweep(): void {
    const nowMs = clock.elapsedMs();
    for (const [origin, pool] of pools) {
      for (const one of pool) if (one.untilMs <= nowMs) one.connection.fail(notKept());
      const alive = pool.filter((one) => !one.connection.isClosed);
      if (alive.length > 0) pools.set(origin, alive);
      else pools.delete(origin);
    }
    if (pools.size === 0 && sweeper !== null) {
      clearInterval(sweeper);
      sweeper = null;
    }
  }

  function startSweeper() {
    const timer = setInterval(sweep, SWEEP_MS);
    Deno.unrefTimer(timer);
    return timer;
  }

  async function connect(request: UpstreamRequest, leftMs: number): Promise<Http1Connection> {
    if (connections >= CONNECTIONS_MAX) {
      throw new UpstreamFailure("unreachable", `Over ${CONNECTIONS_MAX} connections are open`);
    }
    connections++;
    try {
      return new Http1Connection(await dial(request, leftMs, caCerts), home(request.url.origin));
    } catch (thrown) {
      connections--;
      throw thrown;
    }
  }

  async function send(request: UpstreamRequest): Promise<UpstreamResponse> {
    checkRequest(request);
    if (closed) throw new UpstreamFailure("unreachable", "The upstream client is closed");
    request.signal.throwIfAborted();
    const message = encodeRequest(request);
    const startMs = clock.elapsedMs();
    const leftMs = () => request.headersTimeoutMs - (clock.elapsedMs() - startMs);
    const idle = take(request.url.origin);
    if (idle !== null) {
      try {
        return await exchange(idle, request, message, leftMs());
      } catch (thrown) {
        if (!isStale(thrown, idle) || clock.elapsedMs() - startMs > STALE_MS_MAX) throw thrown;
      }
    }
    return await exchange(await connect(request, leftMs()), request, message, leftMs());
  }

  return {
    send,
    close() {
      closed = true;
      for (const pool of pools.values()) {
        for (const { connection } of pool) connection.fail(notKept());
      }
      sweep();
    },
  };
}

/** One exchange on one connection. The signal and the headers' limit end it by closing the connection. */
async function exchange(
  connection: Http1Connection,
  { method, signal, headersTimeoutMs }: UpstreamRequest,
  message: readonly Uint8Array[],
  leftMs: number,
): Promise<UpstreamResponse> {
  const onAbort = () => connection.fail(signal.reason);
  const over = () => signal.removeEventListener("abort", onAbort);
  if (signal.aborted) {
    onAbort();
    throw signal.reason;
  }
  signal.addEventListener("abort", onAbort);
  const timer = setTimeout(() => {
    connection.fail(
      new UpstreamFailure("headers-timeout", `No head in ${headersTimeoutMs} ms`),
    );
  }, Math.max(0, leftMs));
  try {
    const head = await connection.begin(message, method);
    return { status: head.status, headers: head.headers, body: connection.body(head, over) };
  } catch (thrown) {
    over();
    connection.fail(thrown);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** A new connection, over TLS for https. Throws UpstreamFailure, or the signal's reason. */
async function dial(
  { url, signal, connectTimeoutMs, headersTimeoutMs }: UpstreamRequest,
  leftMs: number,
  caCerts: readonly string[],
): Promise<Deno.TcpConn | Deno.TlsConn> {
  const isTls = url.protocol === "https:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (isTls ? 443 : 80);
  const limitMs = Math.max(0, Math.min(connectTimeoutMs, leftMs));
  const late = AbortSignal.timeout(limitMs);
  const ender = new AbortController();
  const onAbort = () => ender.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  const limit = AbortSignal.any([ender.signal, late]);
  let conn: Deno.TcpConn | Deno.TlsConn | null = null;
  const give = () => closeQuietly(conn);
  try {
    const tcp = await Deno.connect({ hostname, port, signal: limit });
    conn = tcp;
    tcp.setNoDelay(true);
    if (!isTls) return tcp;
    limit.addEventListener("abort", give);
    const alpnProtocols = ["http/1.1"];
    const tls = await Deno.startTls(tcp, { hostname, caCerts: [...caCerts], alpnProtocols });
    conn = tls;
    await tls.handshake();
    return tls;
  } catch (thrown) {
    give();
    if (signal.aborted) throw signal.reason;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (!late.aborted) throw new UpstreamFailure("unreachable", message, thrown);
    const kind = leftMs < connectTimeoutMs ? "headers-timeout" : "connect-timeout";
    throw new UpstreamFailure(
      kind,
      `No connection in ${limitMs} of ${headersTimeoutMs} ms`,
      thrown,
    );
  } finally {
    signal.removeEventListener("abort", onAbort);
    limit.removeEventListener("abort", give);
  }
}

/** Closing twice, or after TLS took the socket over, throws; both mean that it is closed. */
function closeQuietly(conn: Deno.Conn | null): void {
  try {
    conn?.close();
  } catch {
    // It is closed.
  }
}

function isStale(thrown: unknown, connection: Http1Connection): boolean {
  return thrown instanceof UpstreamFailure && thrown.kind === "unreachable" && !connection.sawByte;
}

function notKept(): UpstreamFailure {
  return new UpstreamFailure("unreachable", "Not kept for another exchange");
}
