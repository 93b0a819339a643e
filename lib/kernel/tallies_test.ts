/** Tests of tallies.ts: its text is that of prom-client, whatever was counted. */
import assert from "node:assert/strict";
import fc from "fast-check";
import * as prom from "prom-client";
import { CONTENT_TYPE, Counter, exposition, Gauge, Histogram } from "./tallies.ts";

const BUCKETS = [0.1, 1, 2.5, 10];
const LABELS = ["tier", "kind"] as const;

/** The same metrics twice: ours, and prom-client's. */
function both() {
  const none = { help: 'What "this" is,\\ in\ntwo lines', labelNames: [] };
  const some = { help: "With labels", labelNames: LABELS };
  const registry = new prom.Registry();
  const registers = [registry];
  const ours = {
    alone: new Counter({ ...none, name: "alone_total" }),
    labelled: new Counter({ ...some, name: "labelled_total" }),
    open: new Gauge({ ...none, name: "open" }),
    places: new Gauge({ ...some, name: "places" }),
    took: new Histogram({ ...none, name: "took_seconds", buckets: BUCKETS }),
    phases: new Histogram({ ...some, name: "phase_seconds", buckets: BUCKETS }),
  };
  const theirs = {
    alone: new prom.Counter({ ...none, name: "alone_total", registers }),
    labelled: new prom.Counter({ ...some, name: "labelled_total", registers }),
    open: new prom.Gauge({ ...none, name: "open", registers }),
    places: new prom.Gauge({ ...some, name: "places", registers }),
    took: new prom.Histogram({ ...none, name: "took_seconds", buckets: BUCKETS, registers }),
    phases: new prom.Histogram({ ...some, name: "phase_seconds", buckets: BUCKETS, registers }),
  };
  return { ours, theirs, registry };
}

const value = fc.oneof(
  fc.constantFrom(...BUCKETS, 0, 11),
  fc.double({ min: 0, max: 20, noNaN: true }),
);
const labels = fc.record({
  tier: fc.constantFrom("spot", "box", ""),
  kind: fc.constantFrom("a", 'q"uo\\te', "new\nline"),
});
const deed = fc.oneof(
  fc.record({ do: fc.constant("count" as const), by: fc.nat(9) }),
  fc.record({ do: fc.constant("label" as const), labels, by: fc.nat(9) }),
  fc.record({ do: fc.constant("open" as const) }),
  fc.record({ do: fc.constant("close" as const) }),
  fc.record({ do: fc.constant("set" as const), value }),
  fc.record({ do: fc.constant("place" as const), labels, value }),
  fc.record({ do: fc.constant("more" as const), labels }),
  fc.record({ do: fc.constant("reset" as const) }),
  fc.record({ do: fc.constant("take" as const), value }),
  fc.record({ do: fc.constant("phase" as const), labels, value }),
);

Deno.test("exposition() writes what prom-client writes, after any history", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { maxLength: 30 }), async (deeds) => {
      const { ours, theirs, registry } = both();
      for (const one of deeds) {
        for (const side of [ours, theirs]) {
          if (one.do === "count") side.alone.inc(one.by);
          else if (one.do === "label") side.labelled.inc(one.labels, one.by);
          else if (one.do === "open") side.open.inc();
          else if (one.do === "close") side.open.dec();
          else if (one.do === "set") side.open.set(one.value);
          else if (one.do === "place") side.places.set(one.labels, one.value);
          else if (one.do === "more") side.places.inc(one.labels);
          else if (one.do === "reset") side.places.reset();
          else if (one.do === "take") side.took.observe(one.value);
          else side.phases.observe(one.labels, one.value);
        }
      }
      assert.equal(exposition(Object.values(ours)), await registry.metrics());
    }),
    { numRuns: 300 },
  );
  assert.equal(CONTENT_TYPE, prom.Registry.PROMETHEUS_CONTENT_TYPE);
});

Deno.test("a family without labels can claim nothing until it is set", () => {
  const age = new Gauge({ name: "age_seconds", help: "Age", labelNames: [] });
  assert.match(age.text(), /\nage_seconds 0$/);
  assert.equal(age.value, 0);
  age.remove();
  assert.equal(age.value, null);
  assert.doesNotMatch(age.text(), /\nage_seconds/);
  age.set(0);
  assert.match(age.text(), /\nage_seconds 0$/);
  age.set(3);
  age.reset();
  assert.match(age.text(), /\nage_seconds 0$/);
});

Deno.test("a metric with labels is told all of them", () => {
  const counter = new Counter({ name: "a_total", help: "A", labelNames: LABELS });
  assert.throws(() => counter.inc(), /every label of a metric is given/);
});
