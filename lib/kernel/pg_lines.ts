/** A few lines to PostgreSQL for one statement: opened when needed, opened again when lost. */
import { assert } from "./assert.ts";
import { type Clock, type Millis, millis } from "./clock.ts";
import { codeOf } from "./database.ts";

import { PgLostError } from "./pg_error.ts";
import { PgLine, type PgLogin, type PgStatement } from "./pg_line.ts";
import type { PgRow } from "./pg_reader.ts";
import type { MessageWriter } from "./pg_writer.ts";
import type { Sockets, WireTarget } from "./sockets/wire.ts";

export type PgLinesDeps = {
  readonly connect: Sockets["connect"];
  readonly clock: Clock;
  readonly address: WireTarget;
  readonly login: PgLogin;
  readonly statement: PgStatement;
  readonly linesMax: number;
};

/** Runs that wait for a line; one more is refused, with SQLSTATE 53300. */
const WAITING_MAX = 1_000;
const CONNECT_MS_MAX = 10_000;
/** After a connection that failed, before the next is tried; it doubles. */
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 5_000;
/** A session of the server grows with what it has seen. */
const LINE_MS_MAX = 45 * 60_000;
/** What was prepared is not there any more, or means something else (26000, 0A000): nothing was carried out. */
const STALE_STATES: ReadonlySet<string> = new Set(["26000", "0A000"]);

type Held = { readonly line: PgLine; readonly sinceMs: number };

export class PgLines {
  readonly #deps: PgLinesDeps;
  readonly #idle: Held[] = [];
  /** Lines that run something, or are being opened. */
  #busy = 0;
  readonly #running = new Set<PgLine>();
  readonly #waiting: ((held: Held | null) => void)[] = [];
  #failures = 0;
  #notBeforeMs = 0;
  readonly #ended = new AbortController();
  #onQuiet: (() => void) | null = null;

  constructor(deps: PgLinesDeps) {
    assert(deps.linesMax > 0, "runs need a line");
    this.#deps = deps;
  }

  /**
   * Runs the statement with the parameters that `fill` writes: on any line, once. Throws PgError with the SQLSTATE,
   * an error with a code of a lost connection, UnspokenError, or what `fill` threw. After a lost connection the
   * statement may or may not have been carried out.
   */
  async run(fill: (out: MessageWriter) => void): Promise<PgRow> {
    const held = this.#take() ?? await this.#acquire();
    try {
      return await held.line.run(fill);
    } catch (error) {
      if (!STALE_STATES.has(codeOf(error) ?? "")) throw error;
      held.line.close();
    } finally {
      this.#release(held);
    }
    const fresh = await this.#acquire();
    try {
      return await fresh.line.run(fill);
    } finally {
      this.#release(fresh);
    }
  }

  /** Refuses new runs, waits for those under way for `limitMs` at most, and closes. */
  async end(limitMs: number): Promise<void> {
    this.#ended.abort(new PgLostError("CONNECTION_ENDED"));
    for (const wake of this.#waiting.splice(0)) wake(null);
    for (const { line } of this.#idle.splice(0)) line.close();
    if (this.#busy === 0) return;
    const late = new AbortController();
    const quiet = new Promise<void>((resolve) => this.#onQuiet = resolve);
    await Promise.race([quiet, this.#deps.clock.sleep(millis(limitMs), late.signal)]);
    late.abort();
    for (const line of this.#running) line.close();
  }

  /** A line that is there. */
  #take(): Held | null {
    for (let held = this.#idle.pop(); held !== undefined; held = this.#idle.pop()) {
      const isOld = this.#deps.clock.elapsedMs() - held.sinceMs > LINE_MS_MAX;
      if (isOld) held.line.close();
      if (held.line.isLost) continue;
      this.#busy++;
      this.#running.add(held.line);
      return held;
    }
    return null;
  }

  async #acquire(): Promise<Held> {
    this.#ended.signal.throwIfAborted();
    const idle = this.#take();
    if (idle !== null) return idle;
    if (this.#busy >= this.#deps.linesMax) {
      const given = await this.#wait();
      if (given !== null) return given;
      return await this.#acquire();
    }
    this.#busy++;
    try {
      const held = await this.#open();
      this.#running.add(held.line);
      return held;
    } catch (error) {
      this.#left();
      throw error;
    }
  }

  /** Until a line is handed over; null: until there is room for one. */
  #wait(): Promise<Held | null> {
    if (this.#waiting.length >= WAITING_MAX) {
      const error = new Error(`Cannot wait for the database: ${WAITING_MAX} do already`);
      return Promise.reject(Object.assign(error, { code: "53300" }));
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(held: Held): void {
    this.#running.delete(held.line);
    this.#busy--;
    if (this.#ended.signal.aborted) held.line.close();
    if (!held.line.isLost) this.#idle.push(held);
    this.#next();
  }

  /** A line that was to be is not. */
  #left(): void {
    this.#busy--;
    this.#next();
  }

  #next(): void {
    if (this.#busy === 0) this.#onQuiet?.();
    const wake = this.#waiting.shift();
    if (wake !== undefined) wake(this.#take());
  }

  async #open(): Promise<Held> {
    const { clock, connect, address, login, statement } = this.#deps;
    const ended = this.#ended.signal;
    const waitMs = this.#notBeforeMs - clock.elapsedMs();
    if (waitMs > 0) await clock.sleep(millis(waitMs), ended);
    ended.throwIfAborted();
    const late = new AbortController();
    const onEnd = () => late.abort(ended.reason);
    ended.addEventListener("abort", onEnd);
    const patience = new AbortController();
    void clock.sleep(CONNECT_MS_MAX as Millis, patience.signal).then(() => {
      if (!patience.signal.aborted) late.abort(new PgLostError("CONNECT_TIMEOUT"));
    });
    try {
      const wire = await connect(address, late.signal);
      const line = await PgLine.open(wire, login, statement, late.signal);
      this.#failures = 0;
      return { line, sinceMs: clock.elapsedMs() };
    } catch (error) {
      const backoffMs = Math.min(BACKOFF_MS_MIN * 2 ** this.#failures++, BACKOFF_MS_MAX);
      this.#notBeforeMs = clock.elapsedMs() + backoffMs;
      throw error;
    } finally {
      patience.abort();
      ended.removeEventListener("abort", onEnd);
    }
  }
}
