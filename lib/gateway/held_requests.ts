/** How many requests wait for each tier; the bound that turns a flood into an honest 429. */
import { AppError } from "@/lib/kernel/errors.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";

const RETRY_AFTER_S = 5;

export class HeldRequests {
  readonly #counts = new Map<string, number>();
  readonly #onChange: (tier: string, held: number) => void;

  /** `onChange` hears every new count, for the metrics. */
  constructor(onChange: (tier: string, held: number) => void = () => {}) {
    this.#onChange = onChange;
  }

  count(tier: string): number {
    return this.#counts.get(tier) ?? 0;
  }

  /** Takes a place in the tier's queue; the answered function leaves it, once. Throws AppError `queue_full`. */
  enter(tier: Pick<TierSpec, "name" | "held_max">): () => void {
    const held = this.count(tier.name);
    if (held >= tier.held_max) {
      throw new AppError(
        "queue_full",
        `Cannot hold another request while tier "${tier.name}" wakes: ${held} wait already; try again shortly`,
        { retryAfterS: RETRY_AFTER_S },
      );
    }
    this.#set(tier.name, held + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#set(tier.name, this.count(tier.name) - 1);
    };
  }

  #set(tier: string, count: number): void {
    if (count === 0) this.#counts.delete(tier);
    else this.#counts.set(tier, count);
    this.#onChange(tier, count);
  }
}
