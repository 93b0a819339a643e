import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { SHOWN_STATE } from "@/lib/fleet/place.ts";
import type { WakeHistory } from "@/lib/fleet/recent_wakes.ts";
import { spokenChanges, statusSnapshot, wakeTookMs } from "./status_snapshot.ts";
import { handFleet, machine, NOW, TIERS, wake } from "./status_testing.ts";

const HISTORY: WakeHistory = {
  recent: [
    wake({ id: "wak_0", endedAt: NOW, outcome: "served", healthyAt: instant(NOW + 4_200) }),
    wake({ id: "wak_gone", tier: "gone", endedAt: NOW, outcome: "failed" }),
  ],
  steps: [
    { tier: "spot", step: "boot", p50S: 1, p95S: 2, samples: 7 },
    { tier: "spot", step: "whole", p50S: 99, p95S: 99, samples: 7 },
  ],
};

const at = (fleet: ReturnType<typeof handFleet>, history = HISTORY) =>
  statusSnapshot({
    tiers: TIERS,
    fleet,
    history,
    waiting: () => 3,
    shownState: (place) => SHOWN_STATE[place],
    now: NOW,
  });

Deno.test("statusSnapshot() shows each tier with its machines, its history and its last wake", () => {
  const snapshot = at(handFleet());
  const [spot, rest] = snapshot.tiers;
  assert.deepEqual(spot?.machines, [
    { name: "spot 0", place: "asleep", state: "Cold", sinceMs: NOW, retryAtMs: null },
  ]);
  assert.deepEqual(spot?.eta, { p50S: 4, p95S: 9, samples: 7 });
  assert.deepEqual(spot?.steps, { boot: { p50S: 1, p95S: 2, samples: 7 } });
  assert.equal(spot?.wake?.id, "wak_0");
  assert.equal(spot?.waiting, 0, "nothing waits when no wake is open");
  assert.equal(rest?.eta, null);
  assert.equal(rest?.wake, null);
  assert.deepEqual(
    snapshot.recent.map(({ id }) => id),
    ["wak_0"],
    "tiers of old lineups are left out",
  );
});

Deno.test("statusSnapshot() puts the open wake first, once, and tells nobody who asked or why it failed", () => {
  const fleet = handFleet();
  const open = wake({ askedAt: instant(NOW + 1), powerOnAt: instant(NOW + 301) });
  fleet.change({ open: [open] });
  const snapshot = at(fleet, { ...HISTORY, recent: [open, ...HISTORY.recent] });
  assert.deepEqual(snapshot.recent.map(({ id }) => id), ["wak_1", "wak_0"]);
  assert.deepEqual(snapshot.tiers[0]?.wake?.marksMs, [null, 300, null, null, null, null]);
  assert.equal(snapshot.tiers[0]?.waiting, 3);
  assert.doesNotMatch(JSON.stringify(snapshot), /req_secret|because|machineId/);
});

Deno.test("statusSnapshot() tells what wakes took although none would begin now", () => {
  const fleet = { ...handFleet(), etaFor: () => null };
  const whole = { tier: "rest", step: "whole", p50S: 5, p95S: 6, samples: 2 } as const;
  const facts = { tiers: TIERS, fleet, waiting: () => 0, now: NOW };
  const { tiers } = statusSnapshot({
    ...facts,
    history: { recent: [], steps: [whole] },
    shownState: (place) => SHOWN_STATE[place],
  });
  assert.deepEqual(tiers.map(({ eta }) => eta), [null, { p50S: 5, p95S: 6, samples: 2 }]);
});

Deno.test("wakeTookMs() is the time to health, or as far as it came", () => {
  const { recent } = at(handFleet());
  assert.equal(recent[0] && wakeTookMs(recent[0]), 4_200);
  const only = { ...at(handFleet()).recent[0]!, marksMs: [7, null, null, null, null, null] };
  assert.equal(wakeTookMs(only), 7);
  assert.equal(wakeTookMs({ ...only, marksMs: [null, null, null, null, null, null] }), null);
});

Deno.test("spokenChanges() says what changed and nothing else", () => {
  const fleet = handFleet();
  fleet.change({ open: [wake()] });
  const before = at(fleet, { recent: [], steps: [] });
  assert.deepEqual(spokenChanges(before, before), []);
  fleet.change({
    open: [],
    machines: [
      machine("spot", { at: "ready", since: NOW, sickSince: null }),
      machine("rest", { at: "asleep" }),
    ],
  });
  const served = wake({ endedAt: NOW, outcome: "served", healthyAt: instant(NOW + 4_200) });
  assert.deepEqual(spokenChanges(before, at(fleet, { recent: [served], steps: [] })), [
    "spot 0 is now Active",
    "The wake of spot was served after 4.2 s",
  ]);
});
