/** Waiting for the fleet to change: a level is looked at again after each change, so none is missed. */
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
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener("abort", stop);
  try {
    await Promise.race([change, clock.sleep(span, over.signal)]);
  } finally {
    signal.removeEventListener("abort", stop);
    over.abort();
  }
}
