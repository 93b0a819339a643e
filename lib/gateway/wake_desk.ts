/** Where requests ask for wakes: a thousand that ask at once make one call, and the keeper is poked once. */
import type { Clock, Millis } from "@/lib/kernel/clock.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { WakeAnswer as StoreAnswer, WakeAsk } from "@/lib/fleet/wakes_store.ts";
import type { WakeAnswer } from "./acquire.ts";

export type WakeDeskDeps = {
  readonly clock: Clock;
  readonly log: Log;
  /** How long a wake is wanted from its last ask on: longer than any one request waits, so it outlives them. */
  readonly wakeFor: Millis;
  ask(wake: WakeAsk): Promise<StoreAnswer>;
  /** How many machines of the tier this replica's view knows to be ready. */
  readyIn(tier: string): number;
  /** Applies what changed to the replica's own view, so that the asker sees its wake at once. */
  refresh(): Promise<void>;
  /** Rings for the keeper to look at a machine. */
  poke(machineId: string): void;
};

const MORE_EVERY_MS = 1_000;

export class WakeDesk {
  readonly #deps: WakeDeskDeps;
  readonly #asks = new Map<string, Promise<WakeAnswer>>();
  readonly #moreAtMs = new Map<string, number>();

  constructor(deps: WakeDeskDeps) {
    this.#deps = deps;
  }

  /** Asks for a wake of the tier, together with whoever asks at the same time. */
  ask = (tier: TierSpec, requestId: string): Promise<WakeAnswer> => {
    const running = this.#asks.get(tier.name);
    if (running !== undefined) return running;
    const answer = this.#ask(tier, requestId).finally(() => this.#asks.delete(tier.name));
    this.#asks.set(tier.name, answer);
    return answer;
  };

  /** Asks for one more machine of a tier, at most once a second, and waits for nothing. */
  askMore = (tier: TierSpec, requestId: string): void => {
    const nowMs = this.#deps.clock.elapsedMs();
    if (nowMs - (this.#moreAtMs.get(tier.name) ?? -Infinity) < MORE_EVERY_MS) return;
    this.#moreAtMs.set(tier.name, nowMs);
    this.ask(tier, requestId).catch((error: unknown) => {
      const reason = error instanceof Error ? error : new Error(String(error));
      this.#deps.log.warn("wake_not_asked", { tier: tier.name, error: reason });
    });
  };

  async #ask(tier: TierSpec, requestId: string): Promise<WakeAnswer> {
    const answer = await this.#deps.ask({
      tier: tier.name,
      requestId,
      patience: this.#deps.wakeFor,
      attempts: tier.wake.attempts,
      readySeen: this.#deps.readyIn(tier.name),
    });
    if (answer.kind === "asked") this.#deps.poke(answer.machineId);
    // When nothing can be woken, the reason may be a machine that became ready before our view heard of it.
    await this.#deps.refresh();
    return answer.kind === "asked" ? { kind: "asked", wakeId: answer.wakeId } : answer;
  }
}
