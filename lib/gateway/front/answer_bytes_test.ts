import assert from "node:assert/strict";
import { answerHead } from "./answer_bytes.ts";

const head = (value: string) =>
  answerHead({
    ...{ status: 200, headers: new Map([["x-a", value]]), length: 0, keepAlive: true, date: "now" },
  });

Deno.test("answerHead() writes no value that is none, also after one that was good", () => {
  const good = "HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
  for (const bad of ["a\nb", "a\r\nx-b: c", "\0", "\x7f", "\u0161"]) {
    assert.equal(head("b"), good);
    assert.throws(() => head(bad), /can be written/);
    assert.throws(() => head(bad), /can be written/);
  }
});
