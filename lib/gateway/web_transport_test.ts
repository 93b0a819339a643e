/** Tests of web_transport.ts: answers whole and in pieces, and what is left to do once one is made. */
import assert from "node:assert/strict";
import { webResponse } from "./web_transport.ts";

const HEAD = { status: 201, headers: new Map([["x-a", "b"]]) };

Deno.test("webResponse() does what is left once, for an answer that is whole", async () => {
  let done = 0;
  const answer = { ...HEAD, body: "one", after: () => void done++ };
  const response = webResponse(answer, { inc() {}, dec() {} });
  assert.equal(done, 1);
  assert.equal(await response.text(), "one");
  assert.deepEqual([response.status, response.headers.get("x-a"), done], [201, "b", 1]);
});

Deno.test("webResponse() counts an answer in pieces as open until its end", async () => {
  let [opened, open] = [0, 0];
  const gauge = { inc: () => void (opened++, open++), dec: () => void open-- };
  const body = { next: () => ({ text: "one", last: true }), leave() {} };
  const response = webResponse({ ...HEAD, body }, gauge);
  assert.equal(await response.text(), "one");
  assert.deepEqual([response.status, opened, open], [201, 1, 0]);
});
