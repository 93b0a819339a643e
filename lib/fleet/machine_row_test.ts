import assert from "node:assert/strict";
import { ahead, NOW } from "./decide_testing.ts";
import { detailOf, placeOf } from "./machine_row.ts";
import { MOVES, type Place } from "./place.ts";

const PLACES: readonly Place[] = [
  { at: "absent" },
  { at: "creating", deadline: ahead(1), askedAt: NOW },
  { at: "asleep" },
  { at: "waking", deadline: ahead(1), askedAt: NOW },
  { at: "loading", deadline: ahead(1), rousing: true, askedAt: NOW },
  { at: "ready", since: NOW, sickSince: null },
  { at: "ready", since: NOW, sickSince: NOW },
  { at: "napping", since: NOW, askedAt: ahead(1), sickSince: null },
  { at: "draining", then: "nap", sick: false },
  { at: "stopping", deadline: ahead(1), askedAt: NOW, failing: true },
  { at: "destroying", deadline: ahead(1), askedAt: NOW, failing: false },
  { at: "failed", retryAt: ahead(1) },
];

Deno.test("placeOf() reads back what detailOf() wrote, for every place", () => {
  for (const place of PLACES) {
    const stored: unknown = JSON.parse(JSON.stringify(detailOf(place)));
    assert.deepEqual(placeOf(place.at, stored), place);
  }
  assert.deepEqual(new Set(PLACES.map((place) => place.at)), new Set(Object.keys(MOVES)));
});

Deno.test("placeOf() refuses a place that lacks what it must carry, or carries what it must not", () => {
  assert.throws(() => placeOf("waking", { askedAt: NOW }));
  assert.throws(() => placeOf("asleep", { askedAt: NOW }));
  assert.throws(() => placeOf("elsewhere", {}));
  assert.throws(() => placeOf("failed", { retryAt: "soon" }));
  assert.throws(() => placeOf("absent", null));
});
