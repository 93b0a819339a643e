/** The upstream by our own HTTP/1.1 client: it sees every byte once, ends at once, and knows when a retry is safe. */
import { type Clock, systemClock } from "@/lib/kernel/clock.ts";
import { nodeSockets } from "@/lib/kernel/sockets/node_sockets.ts";
import type { Sockets } from "@/lib/kernel/sockets/wire.ts";
import { Deadlines } from "./deadlines.ts";
import { type Dial, dialHttp1 } from "./http1_dial.ts";
import { Http1Connection } from "./http1_connection.ts";
import { Exchange } from "./http1_exchange.ts";
import {
  checkRequest,
  type Upstream,
  UpstreamFailure,
  type UpstreamRequest,
  type UpstreamResponse,
} from "./upstream.ts";
import { partsOf } from "./url_parts.ts";

/** vLLM closes an idle connection after 5 s; ours are gone before. */
const IDLE_MS_MAX = 4_000;
const IDLE_PER_ORIGIN_MAX = 1_024;
const SWEEP_MS = 1_000;
/** A server that says when it closes may be early by this much. */
const KEEP_ALIVE_MARGIN_MS = 500;
const CONNECTIONS_MAX = 16_384;

type Resting = { readonly connection: Http1Connection; readonly untilMs: number };

export type Http1Options = {
  /** PEM certificates trusted beside the system's. */
  readonly caCerts?: readonly string[];
  readonly clock?: Clock;
  /** The way to engines that are not behind TLS. */
  readonly sockets?: Pick<Sockets, "connect">;
};

/** Opens it. Nothing is connected before the first exchange. */
export function openHttp1Upstream(
  { caCerts = [], clock = systemClock, sockets = nodeSockets() }: Http1Options = {},
): Upstream {
  const pools = new Map<string, Resting[]>();
  const deadlines = new Deadlines(clock);
  let connections = 0;
  let closed = false;
  let sweeper: ReturnType<typeof setInterval> | null = null;

  const home = (origin: string) => ({
    rest(connection: Http1Connection, forMs: number) {
      const pool = pools.get(origin) ?? [];
      const restMs = Math.min(IDLE_MS_MAX, forMs - KEEP_ALIVE_MARGIN_MS);
      if (closed || restMs <= 0 || pool.length >= IDLE_PER_ORIGIN_MAX) {
        return connection.fail(notKept());
      }
      if (pool.length === 0) pools.set(origin, pool);
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

  async function connect(dial: Dial): Promise<Http1Connection> {
    if (connections >= CONNECTIONS_MAX) {
      throw new UpstreamFailure("unreachable", `Over ${CONNECTIONS_MAX} connections are open`);
    }
    connections++;
    try {
      return new Http1Connection(await dialHttp1(dial), home(partsOf(dial.request.url).origin));
    } catch (thrown) {
      connections--;
      throw thrown;
    }
  }

  function send(request: UpstreamRequest): Promise<UpstreamResponse> {
    try {
      checkRequest(request);
      if (closed) throw new UpstreamFailure("unreachable", "The upstream client is closed");
      request.signal.throwIfAborted();
    } catch (thrown) {
      return Promise.reject(thrown);
    }
    const dial = (leftMs: number) => connect({ request, leftMs, caCerts, sockets, deadlines });
    return new Exchange({ clock, deadlines, dial }, request).begin(
      take(partsOf(request.url).origin),
    );
  }

  return {
    send,
    close() {
      closed = true;
      for (const pool of pools.values()) {
        for (const { connection } of pool) connection.fail(notKept());
      }
      sweep();
      deadlines.close();
    },
  };
}

function notKept(): UpstreamFailure {
  return new UpstreamFailure("unreachable", "Not kept for another exchange");
}
