/** What the simulated provider refuses, and whether the keeper heeds it. */
import { millis } from "@/lib/kernel/clock.ts";
import { ProviderError, type ProviderErrorKind } from "@/lib/providers/provider.ts";
import type { Faults } from "./faults.ts";
import { broken } from "./laws.ts";
import type { Dice, VirtualTime } from "./virtual_time.ts";

export type Refused = {
  readonly kind: ProviderErrorKind;
  readonly operation: string;
  readonly atMs: number;
  /** For a limit: when the same may be asked again. */
  readonly untilMs: number;
};

/** Longer than the time after which a keeper asks again by itself. */
const LIMIT_S_MIN = 20;
const LIMIT_S_MAX = 40;

export class Refusals {
  /** By machine; an effect that was granted forgets it. */
  readonly last = new Map<string, Refused>();

  constructor(
    readonly time: VirtualTime,
    readonly dice: Dice,
    readonly faults: () => Faults,
    readonly isCalm: boolean,
  ) {}

  /** Throws ProviderError when the effect is refused; it has none then. */
  perhapsRefuse(operation: "create" | "start" | "stop" | "destroy", machineId: string): void {
    const before = this.last.get(machineId);
    const nowMs = this.time.elapsedMs();
    const isSame = before?.kind === "rate-limited" && before.operation === operation;
    if (this.isCalm && isSame && nowMs < before.untilMs) {
      broken(
        `${operation} of ${machineId} ${before.untilMs - nowMs} ms before it may be asked for`,
      );
    }
    this.last.delete(machineId);
    const kind = this.#drawn(operation);
    if (kind === null) return;
    const retryAfterMs = millis(Math.round(this.dice.between(LIMIT_S_MIN, LIMIT_S_MAX) * 1_000));
    this.last.set(machineId, { kind, operation, atMs: nowMs, untilMs: nowMs + retryAfterMs });
    const options = kind === "rate-limited" ? { retryAfterMs } : {};
    throw new ProviderError(kind, "simulated", operation, "simulated", options);
  }

  /** Told a lie about its power, a keeper has reason to think that the effect was granted. */
  excuse(machineId: string): void {
    this.last.delete(machineId);
  }

  #drawn(operation: string): ProviderErrorKind | null {
    const { accountRefused, limited, noStock, requestRefused } = this.faults();
    if (this.dice.chance(limited)) return "rate-limited";
    if (operation !== "create" && operation !== "start") return null;
    if (this.dice.chance(noStock)) return "capacity";
    if (this.dice.chance(accountRefused)) return this.dice.pick(["auth", "insufficient-funds"]);
    return this.dice.chance(requestRefused) ? "invalid-request" : null;
  }
}
