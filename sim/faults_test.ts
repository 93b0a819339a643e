/** The fault grammar. */

import assert from "node:assert/strict";
import { FAULT_KINDS, parseFault, parseFaults, strike } from "./faults.ts";

Deno.test("parseFault() reads kind, values, path and rate", () => {
  assert.deepEqual(parseFault("cut:after=5,how=reset,path=/v1/chat@0.25"), {
    fault: { kind: "cut", after: 5, reset: true },
    rate: 0.25,
    path: "/v1/chat",
    text: "cut:after=5,how=reset,path=/v1/chat@0.25",
  });
  assert.deepEqual(parseFault("status:code=429,retry-after=2").fault, {
    kind: "status",
    code: 429,
    retryAfter: "2",
    message: "Simulated failure",
  });
});

Deno.test("parseFault() knows every kind without values", () => {
  for (const kind of FAULT_KINDS) assert.equal(parseFault(kind).fault.kind, kind);
});

Deno.test("parseFault() refuses what it cannot read and says what would do", () => {
  assert.throws(() => parseFault("crash"), /choose one of refuse, reset/);
  assert.throws(() => parseFault("cut@1.5"), /from 0 to 1/);
  assert.throws(() => parseFault("cut:after=x"), /give a number/);
  assert.throws(() => parseFault("cut:later=1"), /Cannot read "later"/);
});

Deno.test("strike() honours the path and the rate", () => {
  const rules = parseFaults("reset:path=/health; cut@0.5");
  const kinds = (path: string, data: boolean, roll: number) =>
    strike(rules, path, data, () => roll).map((fault) => fault.kind);
  assert.deepEqual(kinds("/health", false, 0), ["reset"]);
  assert.deepEqual(kinds("/v1/chat/completions", true, 0.49), ["cut"]);
  assert.deepEqual(kinds("/v1/chat/completions", true, 0.5), []);
});
