/** One effect at a time on the local machines of a data directory, across processes. */
import { type Clock, millis } from "@/lib/kernel/clock.ts";
import { ProviderError } from "./provider.ts";

const LOCK_MS_MAX = 5_000;
const RETRY_MS = millis(10);

/**
 * Runs `work` alone. The lock is the kernel's (flock): it is free the moment its holder dies, so none is ever stale.
 * Throws ProviderError `unavailable` when it is not free in time.
 */
export async function alone<T>(
  root: string,
  clock: Clock,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  using file = await Deno.open(`${root}/lock`, { write: true, create: true, mode: 0o600 });
  const giveUpAtMs = clock.elapsedMs() + LOCK_MS_MAX;
  while (!await file.tryLock(true)) {
    signal.throwIfAborted();
    if (clock.elapsedMs() >= giveUpAtMs) {
      throw new ProviderError("unavailable", "local", "lock", "another gateway holds the machines");
    }
    await clock.sleep(RETRY_MS, signal);
  }
  // Closing the file gives the lock back.
  return await work();
}
