/** What failed while looking at or acting on a machine, in one word for the journal and the log. */
import { AppError } from "@/lib/kernel/errors.ts";
import { type Clock, type Millis } from "@/lib/kernel/clock.ts";
import { ProviderError } from "@/lib/providers/provider.ts";

/** An effect or a look that took longer than its limit. */
export class LimitError extends Error {
  override readonly name = "LimitError";
}

/** The class of a failure: the provider's own, an error code of ours, `timeout`, `aborted` or `unknown`. */
export function kindOf(thrown: unknown): string {
  if (thrown instanceof ProviderError) return thrown.kind;
  if (thrown instanceof AppError) return thrown.code;
  if (thrown instanceof LimitError) return "timeout";
  if (thrown instanceof DOMException && thrown.name === "AbortError") return "aborted";
  return "unknown";
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/**
 * Runs `call` for at most `limit`, by `clock`. Its signal aborts at the limit and with `signal`; then the answer is
 * no longer waited for, even if the call does not heed its signal. Throws LimitError, or the reason of `signal`.
 */
export async function within<T>(
  clock: Clock,
  limit: Millis,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const inner = new AbortController();
  const settled = new AbortController();
  const stopped = new Promise<never>((_, reject) => {
    inner.signal.addEventListener("abort", () => reject(inner.signal.reason));
  });
  const outer = () => inner.abort(signal.reason);
  signal.addEventListener("abort", outer);
  clock.sleep(limit, settled.signal).then(() => {
    if (!settled.signal.aborted) inner.abort(new LimitError(`no answer within ${limit} ms`));
  });
  try {
    return await Promise.race([call(inner.signal), stopped]);
  } finally {
    settled.abort();
    signal.removeEventListener("abort", outer);
  }
}
