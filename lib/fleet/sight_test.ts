import assert from "node:assert/strict";
import { manualClock } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import type { EngineSight } from "@/lib/engine/engine.ts";
import type { MachineStatus, Provider } from "@/lib/providers/provider.ts";
import { ahead, machineAt, NOW, POLICIES } from "./decide_testing.ts";
import type { MachineStore } from "./machine_store.ts";
import type { Place } from "./place.ts";
import { gather } from "./sight.ts";

const URL = "http://engine.test";
const waking: Place = { at: "waking", deadline: ahead(9), askedAt: NOW };
const loading: Place = { at: "loading", deadline: ahead(9), rousing: false, askedAt: NOW };
const stopping: Place = { at: "stopping", deadline: ahead(9), askedAt: NOW, failing: false };

/** The phases that one look sees for the first time. */
async function phases(
  place: Place,
  status: Partial<MachineStatus>,
  engine: EngineSight = { health: "unreachable", portOpen: false },
): Promise<readonly string[]> {
  const refuse = () => Promise.reject(new Error("not part of this test"));
  const provider: Pick<Provider, "name" | "status"> = {
    name: "provider",
    status: () =>
      Promise.resolve({ power: "on", rawState: "x", externalId: "e", baseUrl: URL, ...status }),
  };
  const store: Pick<MachineStore, "demand"> = {
    demand: () =>
      Promise.resolve({
        openRows: 0,
        lastUsedAt: null,
        wake: { id: "wak_1", stamped: ["powerAsked"] },
        replacedAt: [],
      }),
  };
  const { newPhases } = await gather(
    {
      clock: manualClock(),
      store: store as MachineStore,
      providers: new Map([["provider", provider as Provider]]),
      engine: { look: () => Promise.resolve(engine), nap: refuse, rouse: refuse, models: refuse },
      deploymentId: "dep_test",
      log: silentLog,
    },
    machineAt(place, { baseUrl: null }),
    POLICIES.hibernating,
    NOW,
    new AbortController().signal,
  );
  return newPhases;
}

Deno.test("gather() sees power, address, port and health each by itself", async () => {
  const active = { power: "rising", baseUrl: null, isActive: true } as const;
  assert.deepEqual(await phases(waking, { power: "rising", baseUrl: null }), []);
  assert.deepEqual(await phases(waking, active), ["powerOn"], "it runs, and has no address yet");
  assert.deepEqual(await phases(waking, {}), ["powerOn", "address"]);
  const up = ["powerOn", "address", "portOpen"];
  assert.deepEqual(await phases(loading, {}, { health: "unreachable", portOpen: true }), up);
  const well = { health: "healthy", portOpen: true } as const;
  assert.deepEqual(await phases(loading, {}, well), [...up, "healthy"]);
});

Deno.test("gather() takes power that a machine still has on its way to rest for no phase of a wake", async () => {
  const failed: Place = { at: "failed", retryAt: ahead(1) };
  for (const place of [stopping, failed, { ...stopping, at: "destroying" } as const]) {
    assert.deepEqual(await phases(place, { isActive: true }), [], place.at);
  }
  assert.deepEqual(await phases(loading, { isHalted: true, baseUrl: null }), []);
});
