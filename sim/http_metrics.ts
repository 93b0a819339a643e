/** The HTTP series prometheus-fastapi-instrumentator adds to `/metrics`. */

import { Counter, Histogram, sample } from "./prometheus.ts";

const FINE_S = [
  .01,
  .025,
  .05,
  .075,
  .1,
  .25,
  .5,
  .75,
  1,
  1.5,
  2,
  2.5,
  3,
  3.5,
  4,
  4.5,
  5,
  7.5,
  10,
  30,
  60,
];
const COARSE_S = [.1, .5, 1];
const EXCLUDED = new Set(["/metrics", "/health", "/load", "/ping", "/version", "/server_info"]);
const NONE = {};

export class HttpMetrics {
  readonly #requests: Counter;
  readonly #fine: Histogram;
  readonly #coarse: Histogram;
  readonly #sizes = {
    request: new Map<string, { count: number; sum: number }>(),
    response: new Map<string, { count: number; sum: number }>(),
  };

  constructor(createdS: number) {
    this.#requests = new Counter(
      "http_requests",
      "Total number of requests by method, status and handler.",
      createdS,
    );
    this.#fine = new Histogram(
      "http_request_duration_highr_seconds",
      "Latency with many buckets but no API specific labels. Made for more accurate percentile calculations. ",
      FINE_S,
      createdS,
      [NONE],
    );
    this.#coarse = new Histogram(
      "http_request_duration_seconds",
      "Latency with only few buckets by handler. Made to be only used if aggregation by handler is important. ",
      COARSE_S,
      createdS,
    );
  }

  /** Notes one answered request; `handler` is the route's path, or "none". */
  note(
    handler: string,
    method: string,
    status: number,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): void {
    if (EXCLUDED.has(handler)) return;
    this.#requests.add(1, { handler, method, status: `${Math.floor(status / 100)}xx` });
    this.#fine.observe(seconds, NONE);
    this.#coarse.observe(seconds, { handler, method });
    add(this.#sizes.request, handler, requestBytes);
    add(this.#sizes.response, handler, responseBytes);
  }

  text(): string {
    return this.#requests.text() +
      summary(
        "http_request_size_bytes",
        "Content length of incoming requests by handler.",
        this.#sizes.request,
      ) +
      summary(
        "http_response_size_bytes",
        "Content length of outgoing responses by handler.",
        this.#sizes.response,
      ) +
      this.#fine.text() + this.#coarse.text();
  }
}

function add(
  sizes: Map<string, { count: number; sum: number }>,
  handler: string,
  bytes: number,
): void {
  const size = sizes.get(handler) ?? { count: 0, sum: 0 };
  size.count++;
  size.sum += bytes;
  sizes.set(handler, size);
}

function summary(
  name: string,
  help: string,
  sizes: Map<string, { count: number; sum: number }>,
): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} summary\n`;
  for (const [handler, { count, sum }] of sizes) {
    text += `${name}_count{handler="${handler}"} ${sample(count)}\n`;
    text += `${name}_sum{handler="${handler}"} ${sample(sum)}\n`;
  }
  return text;
}
