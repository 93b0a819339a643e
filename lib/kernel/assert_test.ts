/** Tests of assert.ts. */
import { throws } from "node:assert/strict";
import { assert, unreachable } from "./assert.ts";

Deno.test("assert() is silent about a true claim and names a false one", () => {
  assert(true, "two is even");
  throws(() => assert(false, "one is even"), /^Error: Broken invariant: one is even$/);
});

Deno.test("unreachable() shows the case nobody thought of, bigints too", () => {
  const value = { kind: "new", amount: 5n } as unknown as never;
  throws(() => unreachable(value), /^Error: Unreachable case: {"kind":"new","amount":"5n"}$/);
});
