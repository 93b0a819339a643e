import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeRequest, parseResponseHead } from "./http1_head.ts";
import { UpstreamFailure, type UpstreamRequest } from "./upstream.ts";
import { partsOf } from "./url_parts.ts";

/** The status line as the grammar of RFC 9112 §4 has it. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;

function statusOf(line: string): number | null {
  try {
    return parseResponseHead(`${line}\r\ncontent-length: 0`, "POST").status;
  } catch (thrown) {
    assert.ok(thrown instanceof UpstreamFailure);
    return null;
  }
}

Deno.test("parseResponseHead() takes the status lines of the grammar, and no other", () => {
  const part = fc.constantFrom(
    ...[
      "HTTP/1.",
      "http/1.",
      "HTTP/2.",
      "0",
      "1",
      "2",
      " ",
      "\t",
      "200",
      "099",
      "404",
      "20",
      "2000",
    ],
    ...["", "OK", "Not Found", "\xe9", "\x7f", "\0", "\u0661", ":"],
  );
  const near = fc.tuple(
    ...[fc.constant("HTTP/1."), fc.constantFrom("0", "1", "2"), part, part, part, part],
  );
  fc.assert(
    fc.property(fc.oneof(near, fc.array(part, { maxLength: 6 })), (parts) => {
      const line = parts.join("");
      const told = STATUS_LINE.exec(line)?.[2];
      assert.equal(statusOf(line), told === undefined ? null : Number(told), JSON.stringify(line));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("encodeRequest() writes text where UTF-8 and Latin-1 agree, and bytes where not", () => {
  const request = (value: string): UpstreamRequest => ({
    ...{ url: new URL("http://engine:8000/v1/é?a=b"), method: "POST", headers: [["x-a", value]] },
    ...{ body: "é", signal: AbortSignal.any([]), connectTimeoutMs: 1 as never },
    headersTimeoutMs: 1 as never,
  });
  const plain = encodeRequest(request("b"));
  assert.equal(
    plain.head,
    "POST /v1/%C3%A9?a=b HTTP/1.1\r\nhost: engine:8000\r\nx-a: b\r\n" +
      "accept-encoding: identity\r\ncontent-length: 2\r\n\r\n",
  );
  const { head } = encodeRequest(request("\xe9"));
  assert.ok(typeof head !== "string" && head.includes(0xe9) && head.at(-1) === 0xa9);
});

Deno.test("partsOf() takes a URL apart, and says why nothing can be sent to some", () => {
  const { origin, host, target, problem } = partsOf(new URL("https://engine:1/a/b?c=%20#d"));
  assert.deepEqual([origin, host, target], ["https://engine:1", "engine:1", "/a/b?c=%20"]);
  assert.equal(problem, null);
  assert.match(partsOf(new URL("ftp://engine/")).problem ?? "", /ftp:/);
  assert.match(partsOf(new URL("http://user@engine/")).problem ?? "", /credentials/);
});
