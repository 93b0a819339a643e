/** Holds a claimed lease while its holder works, and tells it at once when it is lost. */
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import { asError } from "./failure.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Claim, MachineStore } from "./machine_store.ts";

export type Lease = {
  /** Aborts when another holder may have the machine. */
  readonly signal: AbortSignal;
  /** Asks the store now. False: nothing may be done for this claim any more. Throws what the store throws. */
  check(): Promise<boolean>;
  /** Gives it back. Never rejects: a lease that cannot be given back runs out by itself. */
  release(): Promise<void>;
};

export type LeaseDeps = { readonly clock: Clock; readonly store: MachineStore; readonly log: Log };

/** It is renewed so many times within its span. */
const RENEWALS_PER_SPAN = 3;

/** Renews `claim` until it is released or lost. */
export function holdLease({ clock, store, log }: LeaseDeps, claim: Claim, span: Millis): Lease {
  const lost = new AbortController();
  const over = new AbortController();
  let renewedMs = clock.elapsedMs();

  async function renew(): Promise<boolean> {
    const askedMs = clock.elapsedMs();
    if (!await store.renew(claim, span)) {
      lost.abort(new Error("the lease was taken by another keeper"));
    } else {
      renewedMs = askedMs;
      giveUpLate();
    }
    return !lost.signal.aborted;
  }

  /** An answer that took longer than the span, or a pause of ours, says nothing of who holds it now. */
  function giveUpLate(): void {
    if (clock.elapsedMs() - renewedMs >= span) lost.abort(new Error("the lease ran out unrenewed"));
  }

  async function beat(): Promise<void> {
    while (true) {
      await clock.sleep(millis(span / RENEWALS_PER_SPAN), over.signal);
      if (over.signal.aborted || lost.signal.aborted) return;
      try {
        await renew();
      } catch (error) {
        log.warn("keeper.renew_failed", { machineId: claim.machine.id, error: asError(error) });
      }
      giveUpLate();
    }
  }

  beat();
  return {
    signal: lost.signal,
    async check() {
      return !lost.signal.aborted && await renew();
    },
    async release() {
      over.abort();
      try {
        await store.release(claim);
      } catch (error) {
        log.warn("keeper.release_failed", { machineId: claim.machine.id, error: asError(error) });
      }
    },
  };
}
