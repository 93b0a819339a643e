/** For tests only: a fleet by hand, as the status page is told of it. */
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import type { WakeView } from "@/lib/fleet/fleet_view.ts";
import type { Machine, Place } from "@/lib/fleet/place.ts";

export const NOW: Instant = instant(1_750_000_000_000);

export const TIERS: readonly TierSpec[] = parseFleet(`
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192 }]
lineup:
  - { name: spot, provider: static, band: spot, gpu: L40, serves: { m: m }, static: { urls: ["http://a.test"] } }
  - { name: rest, provider: static, band: standard, serves: { m: x }, static: { urls: ["http://b.test"] } }
`).lineup;

export function machine(tier: string, place: Place): Machine {
  return {
    id: `mac_${tier}`,
    tier,
    slot: 0,
    provider: "static",
    externalId: null,
    baseUrl: null,
    place,
    placeSince: NOW,
    failures: 0,
    generation: 1,
    retired: false,
  };
}

export function wake(over: Partial<WakeView> = {}): WakeView {
  return {
    id: "wak_1",
    tier: "spot",
    machineId: "mac_spot",
    requestId: "req_secret",
    askedAt: NOW,
    deadline: instant(NOW + 60_000),
    fromPlace: "asleep",
    powerAskedAt: null,
    powerOnAt: null,
    addressAt: null,
    portOpenAt: null,
    healthyAt: null,
    firstTokenAt: null,
    endedAt: null,
    outcome: null,
    because: null,
    phase: "asked",
    eta: null,
    retryAt: null,
    ...over,
  };
}

/** A fleet that changes when told. */
export function handFleet() {
  const listeners = new Set<() => void>();
  const held = {
    machines: [machine("spot", { at: "asleep" }), machine("rest", { at: "asleep" })] as Machine[],
    open: [] as WakeView[],
  };
  return {
    machines: () => held.machines,
    openWake: (tier: string) => held.open.find((each) => each.tier === tier) ?? null,
    etaFor: (tier: string) => tier === "spot" ? { p50S: 4, p95S: 9, samples: 7 } : null,
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get listeners() {
      return listeners.size;
    },
    change(next: { machines?: Machine[]; open?: WakeView[] }) {
      Object.assign(held, next);
      for (const listener of listeners) listener();
    },
  };
}
