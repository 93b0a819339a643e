/**
 * The doorbell: a Deno KV queue that says "look at this subject", and nothing more. A message may be lost, late or
 * delivered twice; whoever listens takes one short, repeatable step. Deno redelivers a message whose handler runs
 * longer than about 5 s, even while it runs (measured on 2.9).
 */
import { dirname } from "node:path";
import { z } from "zod";
import { type Clock, type Millis, millis, systemClock } from "./clock.ts";
import type { Log } from "./log.ts";

export type Doorbell = {
  /**
   * Asks for a look at `subject`, after `delay`. Never throws and is not waited for. Rings of one subject and
   * about one delay within 50 ms become two: the first at once, and one for all that came after it.
   */
  ring(subject: string, delay?: Millis): void;
  /** Calls `handler` for each ring, several at a time. What it throws is logged; the ring is spent. */
  listen(handler: (subject: string) => Promise<void>): void;
  /** Waits for the handlers that run, then closes. Rings that were not handled stay in the file. */
  close(): Promise<void>;
};

const COALESCE = millis(50);
const SUBJECT_CHARS_MAX = 200;
const DELAY_MS_MAX = 86_400_000;
/** Close to what Deno takes for a dead handler. */
const SLOW_HANDLER_MS = 4_000;
const CLOSE_LIMIT = millis(5_000);

const message = z.strictObject({ subject: z.string().min(1).max(SUBJECT_CHARS_MAX) });

/** Opens the queue in the file `path` (`:memory:` keeps it in memory). Two processes each use their own file. */
export async function openDoorbell(
  { path, log, clock = systemClock }: { path: string; log: Log; clock?: Clock },
): Promise<Doorbell> {
  if (path !== ":memory:") await Deno.mkdir(dirname(path), { recursive: true });
  const kv = await Deno.openKv(path);
  const closing = new AbortController();
  /** What was rung lately: whether it was rung again since. */
  const recent = new Map<string, { again: boolean }>();
  const enqueuing = new Set<Promise<void>>();
  const handling = new Set<Promise<void>>();
  let listening: Promise<void> = Promise.resolve();

  function enqueue(subject: string, delay: number): void {
    const sent = kv.enqueue({ subject }, { delay }).then(
      () => {},
      (error) => log.warn("doorbell.ring_lost", { subject, error: asError(error) }),
    );
    enqueuing.add(sent);
    sent.then(() => enqueuing.delete(sent));
  }

  async function settle(key: string, subject: string, delay: number): Promise<void> {
    await clock.sleep(COALESCE, closing.signal);
    const again = recent.get(key)?.again === true;
    recent.delete(key);
    // What came after the first ring may have come after its look too.
    if (again && !closing.signal.aborted) enqueue(subject, delay);
  }

  async function handle(
    raw: unknown,
    handler: (subject: string) => Promise<void>,
  ): Promise<void> {
    const parsed = message.safeParse(raw);
    if (!parsed.success) return log.warn("doorbell.unknown_message", { error: parsed.error });
    const { subject } = parsed.data;
    const startedMs = clock.elapsedMs();
    try {
      await handler(subject);
    } catch (error) {
      log.error("doorbell.handler_failed", { subject, error: asError(error) });
    }
    const tookMs = clock.elapsedMs() - startedMs;
    if (tookMs > SLOW_HANDLER_MS) log.warn("doorbell.handler_slow", { subject, tookMs });
  }

  return {
    ring(subject, delay = millis(0)) {
      if (closing.signal.aborted) return;
      if (subject.length === 0 || subject.length > SUBJECT_CHARS_MAX) {
        return log.error("doorbell.subject_refused", { chars: subject.length });
      }
      const waitMs = Math.min(Math.max(0, Math.round(delay)), DELAY_MS_MAX);
      const key = `${Math.floor(waitMs / COALESCE)} ${subject}`;
      const before = recent.get(key);
      if (before !== undefined) {
        before.again = true;
        return;
      }
      recent.set(key, { again: false });
      enqueue(subject, waitMs);
      settle(key, subject, waitMs);
    },
    listen(handler) {
      listening = kv.listenQueue((raw: unknown) => {
        const handled = handle(raw, handler);
        handling.add(handled);
        return handled.finally(() => handling.delete(handled));
      }).catch((error) => {
        if (!closing.signal.aborted) log.error("doorbell.deaf", { error: asError(error) });
      });
    },
    async close() {
      closing.abort();
      const limit = new AbortController();
      await Promise.race([
        Promise.all([...enqueuing, ...handling]),
        clock.sleep(CLOSE_LIMIT, limit.signal),
      ]);
      limit.abort();
      kv.close();
      await listening;
    },
  };
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));
