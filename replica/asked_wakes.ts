/** A wake may be asked for elsewhere: by the command line, or by another replica. Ours looks at its machine too. */
import type { Events } from "@/lib/kernel/events.ts";
import type { FleetView, WakeView } from "@/lib/fleet/fleet_view.ts";

export type AskedWakesDeps = {
  readonly events: Events;
  readonly view: Pick<FleetView, "wake" | "refresh">;
  /** Has the keeper look at a machine. */
  readonly poke: (machineId: string) => void;
};

/** Pokes the machine of every wake that somebody asks for, until the answered function is called. */
export function pokeAskedWakes({ events, view, poke }: AskedWakesDeps): () => void {
  const pokeIfOpen = (wake: WakeView | null) => {
    if (wake !== null && wake.outcome === null && wake.phase === "asked") poke(wake.machineId);
  };
  return events.on("wakes", (wakeId) => {
    const wake = view.wake(wakeId);
    if (wake === null || wake.phase === "asked") {
      void view.refresh().then(() => pokeIfOpen(view.wake(wakeId)));
    }
  }, () => {});
}
