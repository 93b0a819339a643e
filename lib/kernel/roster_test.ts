import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { Roster } from "./roster.ts";

const member = (name: string) => ({ name, seat: -1 });

Deno.test("Roster holds what a Set holds, whatever comes and goes", () => {
  const steps = fc.array(fc.record({ who: fc.nat(7), comes: fc.boolean() }), { maxLength: 60 });
  fc.assert(fc.property(steps, (all) => {
    const members = Array.from({ length: 8 }, (_, i) => member(`${i}`));
    const roster = new Roster<(typeof members)[number]>();
    const expected = new Set<string>();
    for (const { who, comes } of all) {
      const one = members[who];
      if (one === undefined) continue;
      if (!comes) equal(roster.delete(one), expected.delete(one.name));
      else if (one.seat === -1) {
        roster.add(one);
        expected.add(one.name);
      }
      equal(roster.size, expected.size);
      deepEqual([...roster].map(({ name }) => name).toSorted(), [...expected].toSorted());
    }
  }));
});

Deno.test("Roster goes through those it held at the start, although they leave meanwhile", () => {
  const roster = new Roster<ReturnType<typeof member>>();
  for (const name of ["a", "b", "c"]) roster.add(member(name));
  const seen: string[] = [];
  for (const one of roster) {
    seen.push(one.name);
    roster.delete(one);
    roster.add(member("late"));
  }
  deepEqual(seen, ["a", "b", "c"]);
  equal(roster.size, 3);
});
