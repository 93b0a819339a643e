/** Waiting for the fleet to change: a level is looked at again after each change, so none is missed. */
import { Cancel, type CancelSignal } from "@/lib/kernel/cancel.ts";
import type { Clock, Millis } from "@/lib/kernel/clock.ts";

/** Turns the subscription into promises: each resolves at the first change after it was asked for. */
export function changes(
  fleet: { subscribe(listener: () => void): () => void },
): { next(): Promise<void>; stop(): void } {
  let wait = Promise.withResolvers<void>();
  const stop = fleet.subscribe(() => {
    wait.resolve();
    wait = Promise.withResolvers();
  });
  return { next: () => wait.promise, stop };
}

/** Resolves at the change, after `span`, or when the signal aborts; never rejects. */
export async function changeOrTimeout(
  clock: Clock,
  change: Promise<void>,
  span: Millis,
  signal: CancelSignal,
): Promise<void> {
  const over = new Cancel();
  const stop = () => over.abort(null);
  signal.addEventListener("abort", stop);
  try {
    await Promise.race([change, clock.sleep(span, over)]);
  } finally {
    signal.removeEventListener("abort", stop);
    over.abort(null);
  }
}
