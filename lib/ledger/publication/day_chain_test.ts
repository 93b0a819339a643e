/** The chain of days, without a database. */
import assert from "node:assert/strict";
import { sha256Hex } from "@/lib/kernel/ids.ts";
import {
  chainProblems,
  contentsOf,
  dayAfter,
  digestOf,
  type LedgerDay,
  NO_DIGEST,
  parseContents,
} from "./day_chain.ts";

function chain(days: readonly string[]): LedgerDay[] {
  let previousDigest = NO_DIGEST;
  return days.map((day) => {
    const contents = contentsOf([{ name: "readings", lines: 1, sha256: sha256Hex(day) }]);
    const digest = digestOf({ previousDigest, day, contents });
    const one = { day, previousDigest, contents, digest };
    previousDigest = digest;
    return one;
  });
}

Deno.test("digestOf() is what `printf '%s\\n%s\\n%s\\n' | sha256sum` says", () => {
  const day = { previousDigest: NO_DIGEST, day: "2026-11-20", contents: "readings 0 x" };
  assert.equal(digestOf(day), sha256Hex(`${NO_DIGEST}\n2026-11-20\nreadings 0 x\n`));
});

Deno.test("parseContents() reads what contentsOf() writes, and nothing else", () => {
  const kinds = [
    { name: "snapshots", lines: 1440, sha256: sha256Hex("a") },
    { name: "usage_minutes", lines: 0, sha256: sha256Hex("") },
  ];
  assert.deepEqual(parseContents(contentsOf(kinds)), kinds);
  for (const text of ["", "readings", `readings -1 ${sha256Hex("")}`, `readings 1 ${NO_DIGEST};`]) {
    assert.equal(parseContents(text), null, text);
  }
});

Deno.test("dayAfter() steps over the ends of months and years", () => {
  assert.deepEqual(["2026-11-30", "2026-12-31", "2028-02-28"].map(dayAfter), [
    ...["2026-12-01", "2027-01-01", "2028-02-29"],
  ]);
});

Deno.test("chainProblems() passes a whole chain, and names the day that was changed, dropped or put elsewhere", () => {
  const days = chain(["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"]);
  assert.deepEqual(chainProblems(days), []);
  assert.deepEqual(chainProblems([]), []);
  const [first, second, third, fourth] = days;
  if (!first || !second || !third || !fourth) throw new Error("unreachable: four were made");
  assert.match(chainProblems([first, third, fourth]).join(), /2026-11-21 follows 2026-11-19/);
  assert.match(chainProblems([second, third, fourth]).join(), /2026-11-20 names another digest/);
  const edited = { ...second, contents: second.contents.replace("readings 1", "readings 2") };
  assert.match(chainProblems([first, edited, third, fourth]).join(), /2026-11-20: its digest/);
  const redone = { ...edited, digest: digestOf(edited) };
  assert.match(
    chainProblems([first, redone, third, fourth]).join(),
    /2026-11-21 names another digest/,
  );
  assert.equal(chainProblems([second, first]).length > 0, true);
});
