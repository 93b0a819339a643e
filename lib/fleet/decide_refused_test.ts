import assert from "node:assert/strict";
import { minutes, seconds } from "@/lib/kernel/clock.ts";
import { ProviderError, type ProviderErrorKind } from "@/lib/providers/provider.ts";
import type { Act } from "./decide.ts";
import { decideRefused } from "./decide_refused.ts";
import { ago, ahead, machineAt, NOW, POLICIES, sightOf } from "./decide_testing.ts";
import type { Place } from "./place.ts";
import { refusalOf } from "./refusal.ts";

const creating: Place = { at: "creating", deadline: ahead(1), askedAt: NOW };
const waking: Place = { at: "waking", deadline: ahead(1), askedAt: NOW };
const stopping: Place = { at: "stopping", deadline: ahead(1), askedAt: NOW, failing: false };
const destroying: Place = { at: "destroying", deadline: ahead(1), askedAt: NOW, failing: false };
const STARTS: readonly (readonly [Place, Act])[] = [[creating, "create"], [waking, "start"]];
const ASKED: typeof STARTS = [...STARTS, [stopping, "stop"]];
const policy = POLICIES.spot;
const OFF = sightOf({ power: "off", engine: "unreachable", waiting: true });

function refused(place: Place, act: Act, kind: ProviderErrorKind, more: {
  retryAfterMs?: ReturnType<typeof seconds>;
  replacedAt?: readonly ReturnType<typeof ago>[];
} = {}) {
  const { retryAfterMs, replacedAt = [] } = more;
  const options = retryAfterMs === undefined ? {} : { retryAfterMs };
  const refusal = refusalOf(new ProviderError(kind, "p", act, "no", options));
  assert.ok(refusal !== null);
  return decideRefused(machineAt(place), { act, refusal }, { ...OFF, replacedAt }, policy, NOW);
}

Deno.test("decideRefused() fails the wake at once and leaves the tier alone, each class for its time", () => {
  const spans = {
    capacity: policy.noStock,
    "insufficient-funds": minutes(5),
    auth: minutes(5),
    "invalid-request": minutes(10),
  } as const;
  for (const [kind, span] of Object.entries(spans) as [keyof typeof spans, number][]) {
    for (const [place, act] of STARTS) {
      const decision = refused(place, act, kind);
      assert.ok(decision.kind === "move", `${act} ${kind}`);
      assert.deepEqual(decision.to, { at: "failed", retryAt: ahead(span), why: kind });
      assert.deepEqual(decision.wake, { outcome: "failed", retryAt: ahead(span) });
      assert.deepEqual([decision.act, decision.failures], [null, 0]);
      assert.match(decision.because, new RegExp(`\\(${kind}\\)`));
    }
  }
});

Deno.test("decideRefused() asks a provider that limits us again when it said, or a minute later, or in five at most", () => {
  const waits = [[seconds(17), seconds(17)], [undefined, minutes(1)], [minutes(99), minutes(5)]];
  for (const [retryAfterMs, span] of waits) {
    for (
      const [place, act] of ASKED
    ) {
      const more = retryAfterMs === undefined ? {} : { retryAfterMs };
      const decision = refused(place, act, "rate-limited", more);
      assert.ok(decision.kind === "move");
      assert.deepEqual(decision.to, { ...place, notBefore: ahead(span ?? 0) });
      assert.deepEqual([decision.wake, decision.act], [null, null]);
    }
  }
});

Deno.test("decideRefused() leaves to the next look what may have been carried out", () => {
  const kinds = [
    "ambiguous-write",
    "conflict",
    "invalid-state",
    "unavailable",
  ] as const;
  for (const kind of [...kinds, "malformed-response", "stale-effect"] as const) {
    for (const [place, act] of STARTS) {
      assert.deepEqual(refused(place, act, kind), { kind: "stay" }, kind);
    }
  }
});

Deno.test("decideRefused() takes what is missing for a creation for the lineup's fault, and a missing computer for gone", () => {
  const decision = refused(creating, "create", "not-found");
  assert.ok(decision.kind === "move" && decision.to.at === "failed");
  assert.equal(decision.to.why, "invalid-request");
  assert.equal(refused(waking, "start", "not-found").kind, "stay");
});

Deno.test("decideRefused() ends a computer that can be stopped no more, since its stop needs what is not there", () => {
  const decision = refused(stopping, "stop", "capacity");
  assert.ok(decision.kind === "move");
  assert.deepEqual([decision.to.at, decision.act], ["destroying", "destroy"]);
  assert.match(decision.because, /^replaced: /);
  const often = refused(stopping, "stop", "capacity", { replacedAt: [ago(2), ago(1)] });
  assert.ok(often.kind === "move" && often.to.at === "failed");
  assert.equal(refused(stopping, "stop", "auth").kind, "stay");
  assert.equal(refused(destroying, "destroy", "capacity").kind, "stay");
});
