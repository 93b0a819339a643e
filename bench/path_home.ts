/** A gateway in memory for `path.ts`: engines that answer at their turn, a ledger that is durable at its own. */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import { Cancel } from "@/lib/kernel/cancel.ts";
import { instant, millis, systemClock } from "@/lib/kernel/clock.ts";
import { fleetFile } from "@/lib/kernel/fleet_file.ts";
import { sha256Hex } from "@/lib/kernel/ids.ts";
import { createLog } from "@/lib/kernel/log.ts";
import { createMetrics } from "@/lib/kernel/metrics.ts";
import { KeyCache } from "@/lib/accounts/key_cache.ts";
import { RateLimiter } from "@/lib/accounts/rate_limit.ts";
import { Deadlines } from "@/lib/engine/deadlines.ts";
import { Http1Connection } from "@/lib/engine/http1_connection.ts";
import { Exchange } from "@/lib/engine/http1_exchange.ts";
import type { Wire, WireEars } from "@/lib/kernel/sockets/wire.ts";
import { checkRequest, type Upstream } from "@/lib/engine/upstream.ts";
import { lineupOf } from "@/lib/fleet/lineup.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import { chunk, LAST_CHUNK } from "@/lib/gateway/front/answer_bytes.ts";
import type { GatewayDeps } from "@/lib/gateway/gateway.ts";
import { HeldRequests } from "@/lib/gateway/held_requests.ts";
import { MachineLoads } from "@/lib/gateway/machine_loads.ts";
import { StallWatch } from "@/lib/gateway/stall_watch.ts";
import { type CurrentPrices, priceKey } from "@/lib/ledger/price.ts";
import type { UsageLedger } from "@/lib/ledger/usage_ledger.ts";
import { KEY } from "./lanes.ts";

export const CHUNKS = 16;
const ID = '"id":"chatcmpl-0123456789abcdef0123456789abcdef","created":1735689600,"model":"m"';

const usage = (tokens: number) =>
  `{"prompt_tokens":200,"total_tokens":${200 + tokens},"completion_tokens":${tokens}}`;
const WHOLE =
  `{${ID},"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"${
    " token".repeat(CHUNKS)
  }"},"logprobs":null,"finish_reason":"stop"}],"usage":${usage(CHUNKS)}}`;
const PLAIN = Buffer.from(
  `HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: application/json\r\ncontent-length: ${WHOLE.length}\r\n\r\n${WHOLE}`,
);
const SSE_HEAD =
  "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: 0123456789abcdef\r\ntransfer-encoding: chunked\r\n\r\n";
const PIECES = Array.from({ length: CHUNKS }, (_, i) => {
  const reason = i + 1 === CHUNKS ? '"stop"' : "null";
  const event =
    `data: {${ID},"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":${reason}}],"usage":${
      usage(i + 1)
    }}\n\n`;
  const last = i + 1 === CHUNKS
    ? chunk(`data: {${ID},"choices":[],"usage":${usage(CHUNKS)}}\n\n`) +
      chunk("data: [DONE]\n\n") + LAST_CHUNK
    : "";
  return Buffer.from((i === 0 ? SSE_HEAD : "") + chunk(event) + last);
});

/** What waits for its turn: the engines speak in one, the ledger answers in the next. */
let spoken: (() => void)[] = [];
let durable: (() => void)[] = [];

class MemoryWire implements Wire {
  #ears: WireEars | null = null;
  #piece = 0;
  readonly isWriting = false;

  constructor(readonly isStream: boolean) {}

  listen(ears: WireEars): void {
    this.#ears = ears;
  }

  write(): boolean {
    this.#piece = 0;
    spoken.push(this.#speak);
    return true;
  }

  #speak = (): void => {
    const bytes = this.isStream ? PIECES[this.#piece++] : PLAIN;
    if (this.isStream && this.#piece < CHUNKS) spoken.push(this.#speak);
    if (bytes !== undefined) this.#ears?.bytes(new Uint8Array(bytes)); // fresh memory, as a socket gives
  };

  pause() {}
  resume() {}
  hangUp() {}
  close() {}
}

function upstreamOf(isStream: boolean): Upstream {
  const resting: Http1Connection[] = [];
  const deadlines = new Deadlines(systemClock);
  const home = { rest: (one: Http1Connection) => void resting.push(one), lost() {} };
  const dial = () => Promise.resolve(new Http1Connection(new MemoryWire(isStream), home));
  return {
    send(request) {
      checkRequest(request);
      return new Exchange({ clock: systemClock, deadlines, dial }, request)
        .begin(resting.pop() ?? null);
    },
    close: () => deadlines.close(),
  };
}

const ledger: UsageLedger = {
  warmUp: () => Promise.resolve(),
  open: () => new Promise((resolve) => durable.push(() => resolve(true))),
  park: () => Promise.resolve(),
  track: () => () => {},
  close() {},
  refuse() {},
  unsettled: 0,
  settle: () => Promise.resolve(),
  stop() {},
};

/** Everything a request asks for, real but for sockets, database and the machines. */
export function depsOf(isStream: boolean): GatewayDeps {
  const clock = systemClock;
  const fleet = fleetFile.parse({
    site: { demo: true },
    models: [{
      ...{ id: "m", name: "M", vendor: "V", kind: "chat", context_tokens: 8192 },
      prices: { standard: { input: "0.1", output: "0.4" } },
    }],
    lineup: [{
      ...{ name: "bench", provider: "static", band: "standard", concurrency: 100_000 },
      ...{ serves: { m: "m" }, static: { urls: ["http://127.0.0.1:9"] } },
    }],
  });
  const machine: Machine = {
    ...{ id: "mac_1", tier: "bench", slot: 0, provider: "static", externalId: "1" },
    ...{
      baseUrl: "http://127.0.0.1:9",
      place: { at: "ready", since: clock.now(), sickSince: null },
    },
    ...{ placeSince: clock.now(), failures: 0, generation: 1, retired: false },
  };
  const price = { id: "prc_1", model: "m", band: "standard", validTo: null } as const;
  const prices: CurrentPrices = new Map([[priceKey("m", "standard"), {
    ...price,
    ...{ inputNanoUsd: 100_000_000n, outputNanoUsd: 400_000_000n, validFrom: instant(0) },
  }]]);
  const log = createLog({ level: "warn", write: (text) => console.error(text), now: Date.now });
  const hash = sha256Hex(KEY);
  const key = {
    ...{ id: "key_1", accountId: "acc_1", name: "k", shownPrefix: "sk", models: null },
    ...{ requestsPerMinute: null, tokensPerMinute: null, createdAt: clock.now() },
    ...{ expiresAt: null, revokedAt: null },
  };
  return {
    ...{ clock, log, metrics: createMetrics(), ledger, upstream: upstreamOf(isStream) },
    keys: new KeyCache({
      findKey: (asked) => Promise.resolve(asked === hash ? key : null),
      events: { on: () => () => {} },
      ...{ clock, log },
    }),
    lineup: lineupOf(fleet),
    fleet: {
      ready: () => [machine],
      openWake: () => null,
      wake: () => null,
      subscribe: () => () => {},
    },
    ...{ loads: new MachineLoads(clock), held: new HeldRequests(), stalls: new StallWatch(clock) },
    ...{ limiter: new RateLimiter(), liveReplicas: () => 1, prices: () => prices },
    ...{ replicaId: "rep_1", demo: true, wakeCap: millis(590_000), heartbeatEvery: millis(5_000) },
    ...{ bodyBytesMax: 32_000_000, attemptsMax: 3, closedTier: () => null },
    askWake: () => Promise.reject(new Error("no wake is asked for")),
    askMore() {},
    poke() {},
    upstreamKey: () => null,
    firstTokenAfterWake() {},
    stopping: new Cancel(),
  };
}

/** The engines' turn, then the ledger's, for as long as it runs. */
export function beat(): void {
  const [speaking, settled] = [spoken, durable];
  spoken = [];
  durable = [];
  for (const speak of speaking) speak();
  setImmediate(() => {
    for (const settle of settled) settle();
    setImmediate(beat);
  });
}
