/** One of the states a person sees a machine or a model in. */
import type { ShownState } from "@/lib/fleet/place.ts";

export function StateBadge({ state }: { state: ShownState }) {
  return <span class={`state ${state.toLowerCase().replace(" ", "-")}`}>{state}</span>;
}
