/** The upstream over Deno's own `fetch`: the reference the hand-written client is checked against. */
import type { CancelSignal } from "@/lib/kernel/cancel.ts";
import {
  checkRequest,
  namesEncoding,
  readAll,
  type Upstream,
  type UpstreamBody,
  UpstreamCut,
  UpstreamFailure,
  type UpstreamRequest,
  type UpstreamResponse,
} from "./upstream.ts";

/** vLLM closes an idle connection after 5 s; ours are gone before. */
const IDLE_MS_MAX = 4_000;
const IDLE_PER_HOST_MAX = 512;

/**
 * Opens it. `caCerts` are PEM certificates trusted beside the system's. `connectTimeoutMs` cannot be told apart here and counts as part of
 * the headers' limit; a stale connection is not retried, because `fetch` does not say whether one was reused.
 */
export function openFetchUpstream(options: { caCerts?: readonly string[] } = {}): Upstream {
  const client = Deno.createHttpClient({
    poolIdleTimeout: IDLE_MS_MAX,
    poolMaxIdlePerHost: IDLE_PER_HOST_MAX,
    http1: true,
    http2: false,
    caCerts: [...options.caCerts ?? []],
  });
  let closed = false;
  return {
    async send(request) {
      checkRequest(request);
      if (closed) throw new UpstreamFailure("unreachable", "The upstream client is closed");
      return await exchange(client, request);
    },
    close() {
      if (closed) return;
      closed = true;
      client.close();
    },
  };
}

async function exchange(
  client: Deno.HttpClient,
  request: UpstreamRequest,
): Promise<UpstreamResponse> {
  const { signal } = request;
  signal.throwIfAborted();
  const ender = new AbortController();
  const onAbort = () => ender.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  const over = () => signal.removeEventListener("abort", onAbort);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    ender.abort();
  }, request.headersTimeoutMs);

  try {
    const init: RequestInit & { client: Deno.HttpClient } = {
      method: request.method,
      headers: headerPairs(request),
      body: request.body,
      redirect: "manual",
      signal: ender.signal,
      client,
    };
    const response = await fetch(request.url, init);
    return {
      status: response.status,
      headers: response.headers,
      body: fetchBody(response.body, signal, ender, over),
    };
  } catch (thrown) {
    over();
    if (signal.aborted) throw signal.reason;
    if (late) {
      throw new UpstreamFailure("headers-timeout", `No head in ${request.headersTimeoutMs} ms`);
    }
    const kind = /invalid HTTP|parse|unexpected transfer-encoding|too large/i.test(text(thrown))
      ? "malformed"
      : "unreachable";
    throw new UpstreamFailure(kind, text(thrown), thrown);
  } finally {
    clearTimeout(timer);
  }
}

function headerPairs(request: UpstreamRequest): [string, string][] {
  const pairs = request.headers.map(([name, value]): [string, string] => [name, value]);
  if (!namesEncoding(request.headers)) pairs.push(["accept-encoding", "identity"]);
  return pairs;
}

function fetchBody(
  stream: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  signal: CancelSignal,
  ender: AbortController,
  over: () => void,
): UpstreamBody {
  const reader = stream?.getReader() ?? null;
  let state: "open" | "ended" | "broken" = "open";
  const finish = (how: "ended" | "broken") => {
    state = how;
    over();
  };
  if (reader === null) finish("ended");
  const body = {
    async read() {
      if (reader === null || state === "ended") return null;
      if (state === "broken") throw new UpstreamCut("The body was given up or cut before");
      try {
        // An empty piece says nothing; the reader is promised bytes or the end.
        for (;;) {
          const { value, done } = await reader.read();
          if (done) {
            finish("ended");
            return null;
          }
          if (value.length > 0) return value;
        }
      } catch (thrown) {
        finish("broken");
        if (signal.aborted) throw signal.reason;
        throw new UpstreamCut(text(thrown), thrown);
      }
    },
    cancel() {
      if (state !== "open") return;
      finish("broken");
      ender.abort();
    },
    [Symbol.asyncIterator]: () => readAll(body),
  };
  return body;
}

function text(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
