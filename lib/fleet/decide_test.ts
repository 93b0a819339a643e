import assert from "node:assert/strict";
import {
  ago,
  ahead,
  at,
  creating,
  destroying,
  draining,
  GONE,
  loading,
  LOADING_ENGINE,
  machineAt,
  moved,
  napping,
  NOW,
  OFF,
  POLICIES,
  POLICY,
  ready,
  stopping,
  waking,
} from "./decide_testing.ts";
import type { Place } from "./place.ts";

Deno.test("decide() leaves a machine at rest while nobody wants it", () => {
  assert.equal(at({ at: "asleep" }, OFF), "stay");
  assert.equal(at({ at: "absent" }, GONE, { policy: POLICIES.rented }), "stay");
});

Deno.test("decide() creates, starts or rouses a machine that somebody waits for", () => {
  const waiting = true;
  const rented = { policy: POLICIES.rented };
  assert.deepEqual(at({ at: "absent" }, { ...GONE, waiting }, rented), ["creating", "create"]);
  assert.deepEqual(at({ at: "asleep" }, { ...OFF, waiting }), ["waking", "start"]);
  assert.deepEqual(at(napping, { engine: "asleep", waiting }), ["loading", "rouse"]);
});

Deno.test("decide() gives every start its own deadline", () => {
  const start = moved({ at: "asleep" }, { ...OFF, waiting: true });
  assert.deepEqual(start.to, { at: "waking", deadline: ahead(POLICY.power), askedAt: NOW });
  const load = moved(waking, LOADING_ENGINE);
  const loads = { at: "loading", deadline: ahead(POLICY.load), rousing: false, askedAt: NOW };
  assert.deepEqual(load.to, loads);
});

Deno.test("decide() wants a machine that is always ready, but never a retired one", () => {
  assert.deepEqual(at({ at: "asleep" }, OFF, { policy: POLICIES.kept }), ["waking", "start"]);
  const retired = { policy: POLICIES.kept, machine: { retired: true } };
  assert.equal(at({ at: "asleep" }, { ...OFF, waiting: true }, retired), "stay");
});

Deno.test("decide() stops a machine that runs while it should sleep, and takes it up when it is wanted", () => {
  assert.deepEqual(at({ at: "asleep" }, LOADING_ENGINE), ["stopping", "stop"]);
  assert.deepEqual(at({ at: "asleep" }, { ...LOADING_ENGINE, waiting: true }), ["loading", null]);
  assert.equal(at({ at: "asleep" }, { ...LOADING_ENGINE, openRows: 1 }), "stay");
});

Deno.test("decide() waits for a computer in transition instead of starting it", () => {
  for (const power of ["rising", "falling", "unknown"] as const) {
    assert.equal(at({ at: "asleep" }, { ...OFF, power, waiting: true }), "stay", power);
  }
});

Deno.test("decide() ends a computer that shows up where none should be", () => {
  const rented = { policy: POLICIES.rented };
  assert.deepEqual(at({ at: "absent" }, LOADING_ENGINE, rented), ["destroying", "destroy"]);
  const wanted = { ...LOADING_ENGINE, waiting: true };
  assert.deepEqual(at({ at: "absent" }, wanted, rented), ["loading", null]);
  const hibernating = { policy: POLICIES.hibernating };
  assert.deepEqual(at({ at: "absent" }, OFF, hibernating), ["asleep", null]);
});

Deno.test("decide() asks for a lost start again after the re-ask time, under the same deadline", () => {
  const place: Place = { ...waking, askedAt: ago(POLICY.reask), deadline: ahead(5) };
  const again = moved(place, OFF);
  assert.deepEqual([again.to, again.act], [{ ...place, askedAt: NOW }, "start"]);
  assert.equal(at({ ...place, askedAt: ago(POLICY.reask - 1) }, OFF), "stay");
  assert.equal(at(place, { ...OFF, power: "rising" }), "stay");
  assert.equal(at(place, { ...OFF, power: "unknown" }), "stay");
});

Deno.test("decide() tries a start that ended by itself again at once, but not for an older start's end", () => {
  const ended = (generation: number) => ({ ...OFF, waiting: true, endedAs: generation });
  const { generation } = machineAt(waking);
  const again = moved(waking, ended(generation));
  assert.deepEqual([again.to.at, again.act, again.failures], ["waking", "start", 1]);
  assert.equal(at(waking, ended(generation - 1)), "stay");
  const spent = moved(waking, ended(generation), { machine: { failures: 1 } });
  assert.deepEqual([spent.to.at, spent.wake?.outcome], ["failed", "failed"]);
});

Deno.test("decide() asks for a lost creation again after the re-ask time", () => {
  const place: Place = { ...creating, askedAt: ago(POLICY.reask) };
  assert.deepEqual(at(place, GONE, { policy: POLICIES.rented }), ["creating", "create"]);
  const early: Place = { ...creating, askedAt: ago(POLICY.reask - 1) };
  assert.equal(at(early, GONE, { policy: POLICIES.rented }), "stay");
  assert.equal(at(place, { ...OFF, power: "rising" }, { policy: POLICIES.rented }), "stay");
});

Deno.test("decide() gives up creating, waking and loading at their deadlines, not a millisecond before", () => {
  for (const place of [creating, waking, loading]) {
    const sight = place.at === "loading" ? LOADING_ENGINE : { ...OFF, power: "rising" } as const;
    const policy = place.at === "creating" ? POLICIES.rented : POLICY;
    assert.equal(at(place, sight, { policy }), "stay", place.at);
    const late = moved(place, sight, { policy, now: ahead(1) });
    assert.equal(late.to.at, policy.rest === "absent" ? "destroying" : "stopping", place.at);
    assert.equal(late.failures, 1);
    assert.equal(late.wake, null, "attempts remain, so the wake goes on");
  }
});

Deno.test("decide() ends the wake as failed when the attempts are spent", () => {
  const late = moved(loading, LOADING_ENGINE, { now: ahead(1), machine: { failures: 1 } });
  assert.deepEqual([late.to.at, late.failures], ["stopping", 2]);
  // It cannot be sooner: the wait begins when it rests.
  const retryAt = ahead(1 + POLICY.retry);
  assert.deepEqual(late.wake, { outcome: "failed", retryAt });
});

Deno.test("decide() tries a lost start again at once while attempts remain and someone waits", () => {
  const again = moved(loading, { ...OFF, waiting: true });
  assert.deepEqual([again.to.at, again.act, again.failures, again.wake], [
    "waking",
    "start",
    1,
    null,
  ]);
  assert.deepEqual(at(loading, OFF), ["asleep", null]);
  const spent = moved(loading, { ...OFF, waiting: true }, { machine: { failures: 1 } });
  assert.deepEqual(spent.to, { at: "failed", retryAt: ahead(POLICY.retry) });
  assert.deepEqual(spent.wake, { outcome: "failed", retryAt: ahead(POLICY.retry) });
  assert.equal(spent.failures, 2);
});

Deno.test("decide() does not count a nap that lost its power as a failed start", () => {
  const rousing: Place = { at: "loading", deadline: ahead(1), rousing: true, askedAt: NOW };
  assert.equal(moved(rousing, { ...OFF, waiting: true }).failures, 0);
});

Deno.test("decide() serves once the engine is healthy, and forgives failures", () => {
  const served = moved(loading, { waiting: true }, { machine: { failures: 1 } });
  assert.deepEqual(served.to, { at: "ready", since: NOW, sickSince: null });
  assert.deepEqual([served.wake?.outcome, served.failures], ["served", 0]);
});

Deno.test("decide() serves a healthy engine even while the power is unknown", () => {
  assert.deepEqual(at(loading, { power: "unknown" }), ["ready", null]);
});

Deno.test("decide() rouses an engine found in sleep mode while loading, and asks again after the re-ask time", () => {
  assert.deepEqual(at(loading, { engine: "asleep" }), ["loading", "rouse"]);
  const rousing: Place = { at: "loading", deadline: ahead(1), rousing: true, askedAt: NOW };
  assert.equal(at(rousing, { engine: "asleep" }), "stay");
  assert.equal(at({ ...rousing, askedAt: ago(POLICY.reask - 1) }, { engine: "asleep" }), "stay");
  const due: Place = { ...rousing, askedAt: ago(POLICY.reask) };
  assert.deepEqual(at(due, { engine: "asleep" }), ["loading", "rouse"]);
  assert.deepEqual(at(due, { engine: "asleep" }, { now: ahead(1) }), ["stopping", "stop"]);
});

Deno.test("decide() never stops a ready machine that runs a request", () => {
  const long: Place = { ...ready, since: ago(POLICY.idle * 2) };
  assert.equal(at(long, { openRows: 1 }), "stay");
});

Deno.test("decide() drains a machine at its nap time and at its idle time, not a millisecond before", () => {
  const napAfter = POLICY.nap?.after ?? 0;
  assert.equal(at({ ...ready, since: ago(napAfter - 1) }, {}), "stay");
  const nap = moved({ ...ready, since: ago(napAfter) }, {});
  assert.deepEqual(nap.to, { at: "draining", then: "nap", sick: false });
  const noNap = { policy: { ...POLICY, nap: null } };
  assert.equal(at({ ...ready, since: ago(POLICY.idle - 1) }, {}, noNap), "stay");
  const stop = moved({ ...ready, since: ago(POLICY.idle) }, {}, noNap);
  assert.deepEqual(stop.to, { at: "draining", then: "stop", sick: false });
});

Deno.test("decide() counts the quiet time from the last request, though it ran between two looks", () => {
  const policy = { ...POLICY, nap: null };
  const place: Place = { ...ready, since: ago(POLICY.idle * 3) };
  assert.equal(at(place, { lastUsedAt: ago(POLICY.idle - 1) }, { policy }), "stay");
  assert.deepEqual(at(place, { lastUsedAt: ago(POLICY.idle) }, { policy }), ["draining", null]);
});

Deno.test("decide() never drains a quiet machine that is always ready", () => {
  assert.equal(
    at({ ...ready, since: ago(POLICY.idle * 9) }, {}, { policy: POLICIES.kept }),
    "stay",
  );
});

Deno.test("decide() drains a retired machine at once", () => {
  assert.deepEqual(at(ready, { waiting: true }, { machine: { retired: true } }), [
    "draining",
    null,
  ]);
});

Deno.test("decide() ends a wake that named a machine while it became ready", () => {
  const served = moved(ready, { waiting: true });
  assert.deepEqual([served.to, served.wake?.outcome], [ready, "served"]);
});

Deno.test("decide() notes a sick engine, forgets it when it answers, and drains it at the sick time", () => {
  const sick = { engine: "dead" } as const;
  assert.deepEqual(moved(ready, sick).to, { ...ready, sickSince: NOW });
  const known: Place = { ...ready, sickSince: ago(POLICY.sick - 1) };
  assert.equal(at(known, sick), "stay");
  assert.deepEqual(moved(known, {}).to, { ...ready, sickSince: null });
  const due = moved({ ...ready, sickSince: ago(POLICY.sick) }, { ...sick, openRows: 3 });
  assert.deepEqual(due.to, { at: "draining", then: "stop", sick: true });
});

Deno.test("decide() rouses a ready machine that a late call put to sleep", () => {
  assert.deepEqual(at(ready, { engine: "asleep", openRows: 1 }), ["loading", "rouse"]);
});

Deno.test("decide() takes a machine for lost when its power is, unless its engine still answers", () => {
  for (const place of [ready, napping, draining]) {
    assert.deepEqual(at(place, { ...OFF, openRows: 2 }), ["asleep", null], place.at);
    assert.deepEqual(at(place, { ...GONE, openRows: 2 }), ["absent", null], place.at);
    const rented = { policy: POLICIES.rented };
    assert.deepEqual(
      at(place, { ...OFF, openRows: 2 }, rented),
      ["destroying", "destroy"],
      place.at,
    );
  }
  assert.equal(at(ready, { power: "off" }), "stay");
});

Deno.test("decide() stops a drained machine only after its last request, and never on an unknown power", () => {
  assert.equal(at(draining, { openRows: 1 }), "stay");
  assert.equal(at(draining, { power: "unknown" }), "stay");
  assert.deepEqual(at(draining, {}), ["stopping", "stop"]);
  assert.deepEqual(at({ ...draining, then: "nap" }, {}), ["napping", "nap"]);
  assert.deepEqual(at(draining, {}, { policy: POLICIES.rented }), ["destroying", "destroy"]);
  const retired = { policy: POLICIES.hibernating, machine: { retired: true } };
  assert.deepEqual(at(draining, {}, retired), ["destroying", "destroy"]);
});

Deno.test("decide() brings a draining machine back for a wake, but not a sick or retired one", () => {
  const back = moved(draining, { waiting: true, openRows: 1 });
  assert.deepEqual([back.to.at, back.wake?.outcome], ["ready", "served"]);
  const sick: Place = { ...draining, sick: true };
  assert.deepEqual(at(sick, { engine: "dead", waiting: true }), ["stopping", "stop"]);
  const retired = { machine: { retired: true } };
  assert.deepEqual(at(draining, { waiting: true }, retired), ["stopping", "stop"]);
});

Deno.test("decide() brings a sick machine back once its engine answers again", () => {
  assert.deepEqual(at({ ...draining, sick: true }, { openRows: 1 }), ["ready", null]);
});

Deno.test("decide() ends a nap when the rest of the idle time is over, not a millisecond before", () => {
  const restMs = POLICY.idle - (POLICY.nap?.after ?? 0);
  assert.equal(at({ ...napping, since: ago(restMs - 1) }, { engine: "asleep" }), "stay");
  assert.deepEqual(at({ ...napping, since: ago(restMs) }, { engine: "asleep" }), [
    "stopping",
    "stop",
  ]);
});

Deno.test("decide() asks for a lost nap again, and gives up a napping engine that stays dead", () => {
  assert.equal(at({ ...napping, askedAt: ago(POLICY.reask - 1) }, {}), "stay");
  assert.deepEqual(at({ ...napping, askedAt: ago(POLICY.reask) }, {}), ["napping", "nap"]);
  const dead = { engine: "dead" } as const;
  assert.deepEqual(moved(napping, dead).to, { ...napping, sickSince: NOW });
  assert.equal(at({ ...napping, sickSince: ago(POLICY.sick - 1) }, dead), "stay");
  assert.deepEqual(at({ ...napping, sickSince: ago(POLICY.sick) }, dead), ["stopping", "stop"]);
  assert.equal(
    at({ ...napping, sickSince: ago(POLICY.sick) }, { ...dead, power: "unknown" }),
    "stay",
  );
  const well = moved({ ...napping, sickSince: NOW }, { engine: "asleep" });
  assert.deepEqual(well.to, napping);
});

Deno.test("decide() asks for a lost stop again after the re-ask time, and in any case at the deadline", () => {
  for (const place of [stopping, destroying]) {
    const act = place.at === "stopping" ? "stop" : "destroy";
    assert.equal(at({ ...place, askedAt: ago(POLICY.reask - 1) }, {}), "stay");
    const lost: Place = { ...place, askedAt: ago(POLICY.reask) };
    assert.deepEqual([moved(lost, {}).to, moved(lost, {}).act], [{ ...place, askedAt: NOW }, act]);
    assert.equal(at(lost, { power: "falling" }), "stay");
    const late = moved(place, { power: "unknown" }, { now: ahead(1) });
    const to = { ...place, askedAt: ahead(1), deadline: ahead(1 + POLICY.stop) };
    assert.deepEqual([late.to, late.act], [to, act]);
  }
});

Deno.test("decide() rests a stopped machine, or fails it when its attempts are spent", () => {
  assert.deepEqual(at(stopping, OFF), ["asleep", null]);
  assert.deepEqual(at(stopping, GONE), ["absent", null]);
  const failing: Place = { ...stopping, failing: true };
  assert.deepEqual(at(failing, OFF, { machine: { failures: 1 } }), ["asleep", null]);
  const spent = moved(failing, OFF, { machine: { failures: 2 } });
  assert.deepEqual(spent.to, { at: "failed", retryAt: ahead(POLICY.retry) });
  assert.equal(at(destroying, OFF), "stay");
  assert.deepEqual(at(destroying, GONE), ["absent", null]);
  const ended = moved({ ...destroying, failing: true }, GONE, { machine: { failures: 2 } });
  assert.equal(ended.to.at, "failed");
});

Deno.test("decide() doubles the wait with every failure after the attempts, up to its limit", () => {
  const waits = [2, 3, 4, 5, 6].map((failures) => {
    const { to } = moved({ ...stopping, failing: true }, OFF, { machine: { failures } });
    return to.at === "failed" ? (to.retryAt - NOW) / 1_000 : null;
  });
  assert.deepEqual(waits, [10, 20, 40, 65, 65]);
});

Deno.test("decide() tries a failed machine again at its time, not a millisecond before", () => {
  const failed: Place = { at: "failed", retryAt: ahead(1) };
  const wanted = { ...OFF, waiting: true };
  assert.equal(at(failed, wanted), "stay");
  assert.deepEqual(at(failed, wanted, { now: ahead(1) }), ["waking", "start"]);
  assert.deepEqual(at(failed, OFF, { now: ahead(1) }), ["asleep", null]);
  const rented = { now: ahead(1), policy: POLICIES.rented };
  assert.deepEqual(at(failed, { ...GONE, waiting: true }, rented), ["creating", "create"]);
  assert.deepEqual(at(failed, GONE, rented), ["absent", null]);
});

Deno.test("decide() lets nothing run unseen after it failed", () => {
  const failed: Place = { at: "failed", retryAt: ahead(1) };
  const stop = moved(failed, LOADING_ENGINE, { machine: { failures: 2 } });
  assert.deepEqual([stop.to.at, stop.act, stop.failures], ["stopping", "stop", 2]);
});

Deno.test("decide() takes a server that is always on as it is: waits for its engine, never acts", () => {
  const fixed = { policy: POLICIES.fixed };
  assert.deepEqual(at({ at: "asleep" }, LOADING_ENGINE, fixed), ["loading", null]);
  assert.deepEqual(at(loading, {}, fixed), ["ready", null]);
  const late = { ...fixed, now: ahead(1) };
  assert.deepEqual(at(loading, LOADING_ENGINE, late), ["failed", null]);
  const sick: Place = { ...draining, sick: true };
  assert.deepEqual(at(sick, { engine: "dead" }, fixed), ["loading", null]);
  const failed: Place = { at: "failed", retryAt: NOW };
  assert.deepEqual(at(failed, LOADING_ENGINE, fixed), ["loading", null]);
  const retired = { ...fixed, machine: { retired: true } };
  assert.deepEqual(at(draining, {}, retired), ["asleep", null]);
});
