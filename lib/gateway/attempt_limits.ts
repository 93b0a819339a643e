/** What ends one attempt: the client leaving, the engine's silence, or its time being over. */
import { Cancel, type CancelSignal } from "@/lib/kernel/cancel.ts";
import type { Clock } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { StallWatch, WatchedStream } from "./stall_watch.ts";

export type LimitDeps = { readonly clock: Clock; readonly stalls: StallWatch };

export class AttemptLimits implements WatchedStream {
  /** On the elapsed clock: when the engine must have said something, and when it must be done. */
  silentAtMs: number;
  readonly overAtMs: number;
  /** Why a limit ended it; null while none did. */
  error: AppError | null = null;
  seat = -1;
  readonly #cancel = new Cancel();
  readonly #stalls: StallWatch;
  readonly #tier: TierSpec;
  readonly #outer: CancelSignal;

  /** `outer` is the client leaving, or the gateway stopping. */
  constructor({ clock, stalls }: LimitDeps, tier: TierSpec, outer: CancelSignal) {
    const nowMs = clock.elapsedMs();
    this.silentAtMs = nowMs + tier.limits.first_token;
    this.overAtMs = nowMs + tier.limits.total;
    this.#stalls = stalls;
    this.#tier = tier;
    this.#outer = outer;
    if (outer.aborted) this.#onOuter();
    else outer.addEventListener("abort", this.#onOuter);
    stalls.watch(this);
  }

  get signal(): CancelSignal {
    return this.#cancel;
  }

  onLimit(kind: "silent" | "over"): void {
    this.error = new AppError(
      "upstream_timeout",
      kind === "over"
        ? `The request ran longer than the ${this.#tier.limits.total / 1_000} s this tier allows`
        : "The machine stopped sending",
    );
    this.#cancel.abort(this.error);
  }

  abort(reason: AppError): void {
    this.#cancel.abort(reason);
  }

  /** From now on the stream is ended by its reader, who counts what has arrived first; not by the client's signal. */
  detach(): void {
    this.#outer.removeEventListener("abort", this.#onOuter);
  }

  /** Ends the watch; call once, when the attempt is over. */
  release(): void {
    this.#stalls.leave(this);
    this.detach();
  }

  #onOuter = (): void => this.#cancel.abort(this.#outer.reason);
}
