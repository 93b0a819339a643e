/** Tests of web_transport.ts: what is left to do once an answer is made. */
import assert from "node:assert/strict";
import type { Answer } from "./transport.ts";
import { webResponse } from "./web_transport.ts";

const PIECES = {
  next: () => ({ text: "one", last: true }),
  leave() {},
};
const BODIES: readonly (readonly [string, Answer["body"]])[] = [["whole", "one"], [
  "in pieces",
  PIECES,
]];

for (const [how, body] of BODIES) {
  Deno.test(`webResponse() does what is left once, for an answer that is ${how}`, async () => {
    let done = 0;
    let open = 0;
    const gauge = { inc: () => void open++, dec: () => void open-- };
    const headers = new Map([["x-a", "b"]]);
    const response = webResponse({ status: 201, headers, body, after: () => void done++ }, gauge);
    assert.equal(done, 1);
    assert.equal(await response.text(), "one");
    assert.deepEqual([response.status, response.headers.get("x-a"), done, open], [201, "b", 1, 0]);
  });
}
