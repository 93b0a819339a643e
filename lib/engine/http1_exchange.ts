/** One exchange: a request, the connection it goes over, its limits, and the one retry that is safe. */
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
  readonly #deps: ExchangeDeps;
  readonly #request: UpstreamRequest;
  readonly #message: RequestMessage;
  readonly #startMs: number;
  #resolve: (response: UpstreamResponse) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #connection: Http1Connection | null = null;
  #isReused = false;
  #deadline: Deadline | null = null;

  /** Throws TypeError for a request that cannot be written. */
  constructor(deps: ExchangeDeps, request: UpstreamRequest) {
    this.#deps = deps;
    this.#request = request;
    this.#message = encodeRequest(request);
    this.#startMs = deps.clock.elapsedMs();
  }

  get method(): string {
    return this.#request.method;
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
    this.#resolve({ status, headers, body });
  }

  failed(reason: unknown): void {
    this.#meet();
    this.over();
    if (this.#isStale(reason)) this.#beginAnew();
    else this.#reject(reason);
  }

  over(): void {
    this.#request.signal.removeEventListener("abort", this.#onAbort);
  }

  #beginOn(connection: Http1Connection): void {
    const { signal } = this.#request;
    this.#connection = connection;
    signal.addEventListener("abort", this.#onAbort);
    this.#deadline = this.#deps.deadlines.within(this.#leftMs(), this.#onLate);
    connection.begin(this.#message, this);
    if (signal.aborted) this.#onAbort();
  }

  #beginAnew(): void {
    this.#isReused = false;
    this.#deps.dial(this.#leftMs()).then((fresh) => this.#beginOn(fresh), this.#reject);
  }

  #isStale(reason: unknown): boolean {
    return this.#isReused && reason instanceof UpstreamFailure && reason.kind === "unreachable" &&
      this.#connection?.sawByte === false &&
      this.#deps.clock.elapsedMs() - this.#startMs <= STALE_MS_MAX;
  }

  #leftMs(): number {
    return this.#request.headersTimeoutMs - (this.#deps.clock.elapsedMs() - this.#startMs);
  }

  #meet(): void {
    if (this.#deadline !== null) this.#deps.deadlines.met(this.#deadline);
    this.#deadline = null;
  }

  #onAbort = (): void => this.#connection?.fail(this.#request.signal.reason);

  #onLate = (): void =>
    this.#connection?.fail(
      new UpstreamFailure("headers-timeout", `No head in ${this.#request.headersTimeoutMs} ms`),
    );
}
