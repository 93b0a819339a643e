/**
 * When the proxy's core had room: how late a chunk comes while it has is the proxy's doing, while it is full is queueing.
 * Looks at the core four times a second; in a moment that nobody looked at there was room.
 */
import { busyBetween, coreTimes, FULL, meanBusy } from "./cores.ts";
import { nowUs } from "./fast_engine.ts";

const LOOK_EVERY_MS = 250;

/** A stretch of time up to `untilUs` (Unix), and whether the core had room in it. */
export type Stretch = { readonly untilUs: number; readonly hadRoom: boolean };

/** Watches `core` until the answered function is called, which gives the stretches in their order; null: nobody watches. */
export function watchRoom(core: string | null): () => readonly Stretch[] {
  if (core === null) return () => [];
  const stretches: Stretch[] = [];
  let before = coreTimes();
  const look = () => {
    const now = coreTimes();
    stretches.push({
      untilUs: nowUs(),
      hadRoom: !(meanBusy(busyBetween(before, now), core) > FULL),
    });
    before = now;
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    look();
    return stretches;
  };
}

/** Those of `values` that came while there was room; `atUs` says when each came. */
export function whileRoom(
  values: readonly number[],
  atUs: readonly number[],
  stretches: readonly Stretch[],
): number[] {
  return values.filter((_, i) => {
    const at = atUs[i] ?? NaN;
    return stretches.find(({ untilUs }) => at <= untilUs)?.hadRoom ?? true;
  });
}
