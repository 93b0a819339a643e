import assert from "node:assert/strict";
import {
  ago,
  ahead,
  at,
  creating,
  destroying,
  GONE,
  loading,
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

const BROKEN = { power: "broken", engine: "unreachable", portOpen: false } as const;

Deno.test("decide() asks a broken computer to start again while it may, then replaces it", () => {
  const rented = { policy: POLICIES.hibernating };
  const asked: Place = { ...waking, askedAt: ago(POLICY.reask) };
  assert.equal(at(waking, { ...BROKEN, waiting: true }, rented), "stay");
  const again = moved(asked, { ...BROKEN, waiting: true }, rented);
  assert.deepEqual([again.to.at, again.act, again.failures], ["waking", "start", 1]);
  const spent = moved(asked, { ...BROKEN, waiting: true }, { ...rented, machine: { failures: 1 } });
  assert.deepEqual([spent.to.at, spent.act], ["destroying", "destroy"]);
  assert.deepEqual(spent.wake, { outcome: "failed", retryAt: null }, "as soon as it is gone");
  assert.equal(spent.because, "replaced: it broke");
  assert.ok(spent.to.at === "destroying" && !spent.to.failing, "another is rented when wanted");
});

Deno.test("decide() replaces at once what was rented broken, and creates anew only when it is gone", () => {
  const rented = { policy: POLICIES.hibernating };
  const ended = moved(creating, { ...BROKEN, waiting: true }, rented);
  assert.deepEqual([ended.to.at, ended.act, ended.wake], ["destroying", "destroy", null]);
  for (const power of ["on", "off", "falling", "broken", "unknown"] as const) {
    assert.equal(at(destroying, { ...OFF, power, waiting: true }, rented), "stay", power);
  }
  assert.deepEqual(at(destroying, { ...GONE, waiting: true }, rented), ["absent", null]);
  assert.deepEqual(at({ at: "absent" }, { ...GONE, waiting: true }, rented), [
    "creating",
    "create",
  ]);
});

Deno.test("decide() replaces a computer that broke at rest when it is still broken a while later", () => {
  const rented = { policy: POLICIES.hibernating };
  const seen = moved({ at: "asleep" }, BROKEN, rented);
  assert.deepEqual(seen.to, { at: "failed", retryAt: ahead(POLICY.retry), why: "broken" });
  const failed = (span: number): Place => ({ at: "failed", retryAt: ahead(span), why: "broken" });
  assert.equal(at(failed(1), BROKEN, rented), "stay");
  assert.deepEqual(at(failed(0), BROKEN, rented), ["destroying", "destroy"]);
  assert.deepEqual(at(failed(0), OFF, rented), ["asleep", null]);
});

Deno.test("decide() replaces so often in a span, then leaves the machine failed until the span lets it", () => {
  const { max, within } = POLICY.replacements;
  assert.equal(max, 2);
  const rented = { policy: POLICIES.hibernating };
  const failed: Place = { at: "failed", retryAt: NOW, why: "broken" };
  const often = { ...BROKEN, replacedAt: [ago(within - 1), ago(5)] };
  const left = moved(failed, often, rented);
  assert.deepEqual(left.to, { at: "failed", retryAt: ahead(1), why: "broken" });
  assert.match(left.because, /replaced 2 times lately/);
  const older = { ...BROKEN, replacedAt: [ago(within), ago(5)] };
  assert.deepEqual(at(failed, older, rented), ["destroying", "destroy"]);
});

Deno.test("decide() takes a spot computer that is off, broken or gone out of service at once, and leaves its tier alone", () => {
  const spot = { policy: POLICIES.spot };
  for (const power of ["off", "broken", "gone"] as const) {
    const lost = moved(ready, { ...OFF, power, waiting: true, openRows: 3 }, spot);
    const to = { at: "failed", retryAt: ahead(POLICY.noStock), why: "preempted" };
    assert.deepEqual([lost.to, lost.wake?.outcome], [to, "failed"], power);
    assert.equal(at(ready, { power }, spot), "stay", "its engine says otherwise");
  }
  const standard = { policy: POLICIES.hibernating };
  assert.deepEqual(at(ready, OFF, standard), ["asleep", null]);
  assert.deepEqual(at(ready, GONE, standard), ["absent", null]);
});

Deno.test("decide() brings a computer to rest that is shut off and billed, and leaves a spot tier alone after", () => {
  const halted = { power: "on", engine: "unreachable", isHalted: true, openRows: 1 } as const;
  const lost = moved(ready, { ...halted, waiting: true }, { policy: POLICIES.spot });
  assert.deepEqual([lost.to.at, lost.act], ["stopping", "stop"]);
  assert.deepEqual(lost.wake, { outcome: "failed", retryAt: ahead(POLICY.noStock) });
  const rested = moved(lost.to, OFF, { policy: POLICIES.spot });
  const to = { at: "failed", retryAt: ahead(POLICY.noStock), why: "preempted" };
  assert.deepEqual(rested.to, to);
  const standard = moved(ready, halted, { policy: POLICIES.hibernating });
  assert.deepEqual([standard.to.at, standard.act, standard.wake], ["stopping", "stop", null]);
});

Deno.test("decide() starts a computer that is shut off, and takes it for no running one", () => {
  const rented = { policy: POLICIES.hibernating };
  const halted = { power: "on", engine: "unreachable", isHalted: true } as const;
  assert.deepEqual(at({ at: "asleep" }, halted, rented), ["stopping", "stop"]);
  const wanted = { ...halted, waiting: true };
  assert.deepEqual(at({ at: "asleep" }, wanted, rented), ["waking", "start"]);
  assert.equal(at(waking, wanted, rented), "stay");
  const asked: Place = { ...waking, askedAt: ago(POLICY.reask) };
  assert.deepEqual(at(asked, wanted, rented), ["waking", "start"]);
  const lost = moved(loading, wanted, rented);
  assert.deepEqual([lost.to.at, lost.act, lost.failures], ["stopping", "stop", 1]);
});

Deno.test("decide() drains a computer at its age, not a millisecond before, and ends it after its last request", () => {
  const { ageMax } = POLICIES.hibernating;
  const rented = { policy: POLICIES.hibernating };
  assert.equal(at(ready, { rentedAt: ago(ageMax - 1) }, rented), "stay");
  const drained = moved(ready, { rentedAt: ago(ageMax), waiting: true }, rented);
  assert.deepEqual([drained.to, drained.wake], [
    { at: "draining", then: "replace", sick: false },
    null,
  ]);
  const old = { rentedAt: ago(ageMax) };
  const since = (span: number) => ({ ...rented, machine: { placeSince: ago(span) } });
  const early = since(POLICY.drain - 1);
  assert.equal(at(drained.to, { ...old, openRows: 1, waiting: true }, early), "stay");
  assert.deepEqual(at(drained.to, { ...old, waiting: true }, early), ["destroying", "destroy"]);
  const late = moved(drained.to, { ...old, openRows: 1 }, since(POLICY.drain));
  assert.deepEqual([late.act, late.evenUnderRows], ["destroy", true]);
});

Deno.test("decide() ends an old computer at rest, asleep or napping, though somebody wants it", () => {
  const policy = { ...POLICIES.hibernating, nap: POLICY.nap };
  const old = { rentedAt: ago(policy.ageMax), waiting: true };
  assert.deepEqual(at({ at: "asleep" }, { ...OFF, ...old }, { policy }), ["destroying", "destroy"]);
  assert.deepEqual(at(napping, { engine: "asleep", ...old }, { policy }), [
    "destroying",
    "destroy",
  ]);
  const young = { rentedAt: ago(policy.ageMax - 1), waiting: true };
  assert.deepEqual(at({ at: "asleep" }, { ...OFF, ...young }, { policy }), ["waking", "start"]);
});

Deno.test("decide() ends an old computer that was not stopped in time, and asks a young one again", () => {
  const rented = { policy: POLICIES.hibernating };
  const old = { power: "on", rentedAt: ago(POLICIES.hibernating.ageMax) } as const;
  assert.equal(at(stopping, old, rented), "stay");
  const late: Place = { ...stopping, deadline: NOW };
  assert.deepEqual(at(late, old, rented), ["destroying", "destroy"]);
  assert.deepEqual(at(late, { power: "on", rentedAt: NOW }, rented), ["stopping", "stop"]);
});

Deno.test("decide() asks a provider that wants us to wait again when it said, though that is later or sooner than usual", () => {
  const later = { ...waking, askedAt: ago(POLICY.reask), notBefore: ahead(1) };
  assert.equal(at(later, OFF), "stay");
  const now = moved({ ...waking, notBefore: NOW }, OFF);
  assert.deepEqual([now.to, now.act], [{ ...waking, askedAt: NOW }, "start"]);
  const limited: Place = { ...stopping, askedAt: ago(POLICY.reask), notBefore: ahead(1) };
  assert.equal(at(limited, { power: "on" }), "stay");
  assert.equal(at({ ...limited, deadline: NOW }, { power: "on" }), "stay");
});

Deno.test("decide() counts a start that lost its power again as failed, and asks again while it may", () => {
  const rented = { policy: POLICIES.hibernating };
  const seen = moved(waking, { ...OFF, power: "rising", waiting: true }, rented);
  assert.deepEqual([seen.to, seen.act], [{ ...waking, isRising: true }, null]);
  const again = moved(seen.to, { ...OFF, waiting: true }, rented);
  assert.deepEqual([again.to.at, again.act, again.failures], ["waking", "start", 1]);
  const spent = moved(seen.to, { ...OFF, waiting: true }, { ...rented, machine: { failures: 1 } });
  assert.deepEqual([spent.to.at, spent.wake?.outcome], ["failed", "failed"]);
});
