/** Ends attempts that fell silent or ran too long: one timer for all of them, instead of one per chunk. */
import type { Clock } from "@/lib/kernel/clock.ts";
import { Roster, type Seated } from "@/lib/kernel/roster.ts";

/** How often silence is looked for; a limit is exceeded by at most this much. */
const LOOK_EVERY_MS = 250;

export type WatchedStream = Seated & {
  /** On the elapsed clock: when it must have sent its next payload, and when it must be over. */
  silentAtMs: number;
  readonly overAtMs: number;
  onLimit(kind: "silent" | "over"): void;
};

export class StallWatch {
  readonly #clock: Clock;
  readonly #streams = new Roster<WatchedStream>();
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches until {@link leave}, or a limit was hit. */
  watch(stream: WatchedStream): void {
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** Looks at every stream once, and stops looking when there is none. The timer calls it; tests do so by hand. */
  look(): void {
    if (this.#streams.size === 0) return this.close();
    const nowMs = this.#clock.elapsedMs();
    for (const stream of this.#streams) {
      if (stream.seat === -1) continue; // ended by one before it
      const kind = nowMs >= stream.overAtMs ? "over" : nowMs >= stream.silentAtMs ? "silent" : null;
      if (kind === null) continue;
      this.leave(stream);
      stream.onLimit(kind);
    }
  }

  /** The timer goes on until its next look: one made and cleared for each of many requests cost more than it. */
  leave(stream: WatchedStream): void {
    this.#streams.delete(stream);
  }

  /** Stops looking; a stream that comes later is looked at again. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
