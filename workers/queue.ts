/** The queue's edge: a ring becomes one look at one machine, and one more ring while there is more to do. */
import { type Clock, type Instant, later, type Millis, millis, since } from "@/lib/kernel/clock.ts";
import type { Doorbell } from "@/lib/kernel/doorbell.ts";
import type { Log } from "@/lib/kernel/log.ts";

export type QueueDeps = {
  doorbell: Doorbell;
  log: Log;
  clock: Clock;
  /** One step with one machine, under a second; says when the next is due. */
  look: (machineId: string) => Promise<{ againIn: Millis | null }>;
};

const PREFIX = "machine:";
/** A ring this close to its time counts as the one that came: the queue's clock need not agree with ours. */
const EARLY = millis(100);

/** What to ring for a look at a machine. */
export const machineSubject = (machineId: string): string => PREFIX + machineId;

/**
 * Answers the doorbell. However many rings a machine gets, at most one of its next looks is under way in the queue
 * (or two, when a later step wants it sooner): else each ring would start a chain of looks of its own.
 */
export function startQueue({ doorbell, log, clock, look }: QueueDeps): void {
  /** When the next look at a machine was rung for. */
  const nextLooks = new Map<string, Instant>();

  doorbell.listen(async (subject) => {
    if (!subject.startsWith(PREFIX)) return log.warn("queue.unknown_subject", { subject });
    const { againIn } = await look(subject.slice(PREFIX.length));
    const now = clock.now();
    const rung = nextLooks.get(subject);
    const coming = rung !== undefined && rung > later(now, EARLY) ? rung : null;
    if (coming === null) nextLooks.delete(subject);
    if (againIn === null) return;
    const due = later(now, againIn);
    // A ring still to come does for this one, unless this one is wanted sooner.
    if (coming !== null && coming <= due) return;
    nextLooks.set(subject, due);
    doorbell.ring(subject, millis(Math.max(0, since(now, due))));
  });
}
