/** One exchange: a request, the connection it goes over, its limits, and the one retry that is safe. */
import type { CancelSignal } from "@/lib/kernel/cancel.ts";
import type { Clock } from "@/lib/kernel/clock.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import type { Http1Body } from "./http1_body.ts";
import type { Asker, Http1Connection } from "./http1_connection.ts";
import { encodeRequest, type RequestMessage, type ResponseHead } from "./http1_head.ts";
import { UpstreamFailure, type UpstreamRequest, type UpstreamResponse } from "./upstream.ts";

/** A reused connection that breaks before any answer was closed under us, if that shows this soon. */
const STALE_MS_MAX = 2_000;

export type ExchangeDeps = {
  readonly clock: Pick<Clock, "elapsedMs">;
  readonly deadlines: Deadlines;
  /** A new connection, within what is left of the limit on the head. Rejects with UpstreamFailure, or the signal's reason. */
  readonly dial: (leftMs: number) => Promise<Http1Connection>;
};

/** The signal and the headers' limit end it by closing its connection. */
export class Exchange implements Asker {
  readonly method: string;
  readonly #signal: CancelSignal;
  readonly #headersTimeoutMs: number;
  readonly #clock: ExchangeDeps["clock"];
  readonly #deadlines: Deadlines;
  readonly #startMs: number;
  /** What a retry needs; let go with the answer, for a stream may last. */
  #dial: ExchangeDeps["dial"] | null;
  #message: RequestMessage | null;
  #resolve: (response: UpstreamResponse) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #connection: Http1Connection | null = null;
  #isReused = false;
  #deadline: Deadline | null = null;

  /** Throws TypeError for a request that cannot be written. */
  constructor(deps: ExchangeDeps, request: UpstreamRequest) {
    this.method = request.method;
    this.#signal = request.signal;
    this.#headersTimeoutMs = request.headersTimeoutMs;
    this.#clock = deps.clock;
    this.#deadlines = deps.deadlines;
    this.#startMs = deps.clock.elapsedMs();
    this.#dial = deps.dial;
    this.#message = encodeRequest(request);
  }

  /** Sends over `idle`, or a new connection when it is null. Call once. */
  begin(idle: Http1Connection | null): Promise<UpstreamResponse> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#isReused = idle !== null;
      if (idle === null) this.#beginAnew();
      else this.#beginOn(idle);
    });
  }

  answered({ status, headers }: ResponseHead, body: Http1Body): void {
    this.#meet();
    this.#dial = this.#message = null;
    this.#resolve({ status, headers, body });
  }

  failed(reason: unknown): void {
    this.#meet();
    this.over();
    if (this.#isStale(reason)) this.#beginAnew();
    else this.#reject(reason);
  }

  over(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  #beginOn(connection: Http1Connection): void {
    if (this.#message === null) return;
    this.#connection = connection;
    this.#signal.addEventListener("abort", this.#onAbort);
    this.#deadline = this.#deadlines.by(this.#startMs + this.#headersTimeoutMs, this.#onLate);
    connection.begin(this.#message, this);
    if (this.#signal.aborted) this.#onAbort();
  }

  #beginAnew(): void {
    this.#isReused = false;
    this.#dial?.(this.#leftMs()).then((fresh) => this.#beginOn(fresh), this.#reject);
  }

  #isStale(reason: unknown): boolean {
    return this.#isReused && reason instanceof UpstreamFailure && reason.kind === "unreachable" &&
      this.#connection?.sawByte === false &&
      this.#clock.elapsedMs() - this.#startMs <= STALE_MS_MAX;
  }

  #leftMs(): number {
    return this.#headersTimeoutMs - (this.#clock.elapsedMs() - this.#startMs);
  }

  #meet(): void {
    if (this.#deadline !== null) this.#deadlines.met(this.#deadline);
    this.#deadline = null;
  }

  #onAbort = (): void => this.#connection?.fail(this.#signal.reason);

  #onLate = (): void =>
    this.#connection?.fail(
      new UpstreamFailure("headers-timeout", `No head in ${this.#headersTimeoutMs} ms`),
    );
}
