/** Makes the connection under an exchange: over TCP, or TLS for https, within its limits. */
import { Cancel } from "@/lib/kernel/cancel.ts";
import type { Sockets, Wire } from "@/lib/kernel/sockets/wire.ts";
import type { Deadlines } from "./deadlines.ts";
import { TlsWire } from "./tls_wire.ts";
import { UpstreamFailure, type UpstreamRequest } from "./upstream.ts";

export type Dial = {
  readonly request: UpstreamRequest;
  /** What is left of the limit on the response's head. */
  readonly leftMs: number;
  /** PEM certificates trusted beside the system's. */
  readonly caCerts: readonly string[];
  /** For what is not TLS. */
  readonly sockets: Pick<Sockets, "connect">;
  readonly deadlines: Deadlines;
};

/** Throws UpstreamFailure, or the signal's reason. */
export async function dialHttp1(
  { request, leftMs, caCerts, sockets, deadlines }: Dial,
): Promise<Wire> {
  const { url, signal, connectTimeoutMs, headersTimeoutMs } = request;
  const isTls = url.protocol === "https:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const target = { hostname, port: Number(url.port) || (isTls ? 443 : 80) };
  const limitMs = Math.max(0, Math.min(connectTimeoutMs, leftMs));
  const limit = new Cancel();
  let late = false;
  const deadline = deadlines.within(limitMs, () => {
    late = true;
    limit.abort(new Error("Too late"));
  });
  const onAbort = () => limit.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return isTls ? await connectTls(target, limit, caCerts) : await sockets.connect(target, limit);
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (!late) throw new UpstreamFailure("unreachable", message, thrown);
    const kind = leftMs < connectTimeoutMs ? "headers-timeout" : "connect-timeout";
    const what = `No connection in ${limitMs} of ${headersTimeoutMs} ms`;
    throw new UpstreamFailure(kind, what, thrown);
  } finally {
    deadlines.met(deadline);
    signal.removeEventListener("abort", onAbort);
  }
}

async function connectTls(
  { hostname, port }: { hostname: string; port: number },
  limit: Cancel,
  caCerts: readonly string[],
): Promise<Wire> {
  const ender = new AbortController();
  let conn: Deno.TcpConn | Deno.TlsConn | null = null;
  const giveUp = () => {
    ender.abort(limit.reason);
    closeQuietly(conn);
  };
  limit.addEventListener("abort", giveUp);
  try {
    const tcp = await Deno.connect({ hostname, port, signal: ender.signal });
    conn = tcp;
    tcp.setNoDelay(true);
    const alpnProtocols = ["http/1.1"];
    const tls = await Deno.startTls(tcp, { hostname, caCerts: [...caCerts], alpnProtocols });
    conn = tls;
    await tls.handshake();
    return new TlsWire(tls);
  } catch (thrown) {
    closeQuietly(conn);
    throw thrown;
  } finally {
    limit.removeEventListener("abort", giveUp);
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
