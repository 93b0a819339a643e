import assert from "node:assert/strict";
import { MessageSplitter, textArrayOf } from "./pg_reader.ts";
import { ProtocolError } from "./pg_error.ts";
import { MessageWriter, UnwritableError } from "./pg_writer.ts";

const array = (write: (out: MessageWriter) => void): number[] => {
  const out = new MessageWriter();
  write(out);
  return [...out.written];
};
const same = <T>(value: T) => value;
const int4 = (value: number) => [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];

Deno.test("MessageWriter.array() writes nothing, nulls and values as array_recv() reads them", () => {
  assert.deepEqual(array((out) => out.array("integer", [], same)), [
    ...[...int4(12), ...int4(0), ...int4(0), ...int4(23)],
  ]);
  assert.deepEqual(array((out) => out.array("boolean", [true, null, false], same)), [
    ...[...int4(34), ...int4(1), ...int4(1), ...int4(16), ...int4(3), ...int4(1)],
    ...[...int4(1), 1, ...int4(-1), ...int4(1), 0],
  ]);
});

Deno.test("MessageWriter.array() writes whole numerics to the base of 10,000", () => {
  const numeric = (value: bigint) => array((out) => out.array("numeric", [value], same)).slice(24);
  assert.deepEqual(numeric(0n), [...int4(8), 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(numeric(10_000n), [...int4(12), 0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]);
  assert.deepEqual(numeric(-9_999n), [...int4(10), 0, 1, 0, 0, 0x40, 0, 0, 0, 0x27, 0x0f]);
});

Deno.test("MessageWriter.array() writes text as UTF-8, short or long", () => {
  const texts = ["", "~", "\u007f", "\u0080", "é", "ÿ", "€", "😀", "a\ud800"];
  for (const text of [...texts, ...texts.map((each) => each.repeat(65)), "a".repeat(64)]) {
    const utf8 = new TextEncoder().encode(text);
    const written = array((out) => out.array("text", [text], same)).slice(24);
    assert.deepEqual(written, [...int4(utf8.length), ...utf8], text);
  }
});

Deno.test("MessageWriter.array() refuses numbers that are none of their type, at the very limits", () => {
  const refused = (type: "integer" | "bigint", value: number, code: string) =>
    assert.throws(
      () => array((out) => out.array(type, [value], same)),
      (error) => error instanceof UnwritableError && error.code === code,
    );
  array((out) => out.array("integer", [2 ** 31 - 1, -(2 ** 31)], same));
  refused("integer", 2 ** 31, "22003");
  refused("integer", -(2 ** 31) - 1, "22003");
  refused("integer", 0.5, "22P02");
  array((out) => out.array("bigint", [2 ** 53 - 1, 1 - 2 ** 53], same));
  refused("bigint", 2 ** 53, "22003");
  refused("bigint", Infinity, "22P02");
});

Deno.test("MessageWriter keeps its memory, and gives a large one back", () => {
  const out = new MessageWriter();
  out.array("text", ["x".repeat(2_000_000)], same);
  assert.ok(out.written.buffer.byteLength >= 2_000_000);
  out.reset();
  assert.equal(out.written.buffer.byteLength, 16 * 1024);
  const kept = out.written.buffer;
  out.array("text", ["x"], same);
  out.reset();
  assert.equal(out.written.buffer, kept);
  assert.throws(
    () => out.array("text", ["x".repeat(30_000_000)], same),
    (error) => error instanceof UnwritableError && /bytes/.test(error.message),
  );
});

/** A message as it travels. */
const message = (type: string, body: readonly number[]) => [
  ...[type.charCodeAt(0), ...int4(body.length + 4), ...body],
];

Deno.test("MessageSplitter hands on whole messages however the bytes come", () => {
  const bytes = Uint8Array.from([
    ...[...message("A", []), ...message("B", [1, 2, 3]), ...message("C", [9])],
  ]);
  const whole = [["A", []], ["B", [1, 2, 3]], ["C", [9]]];
  for (let cut = 0; cut <= bytes.length; cut++) {
    for (let next = cut; next <= bytes.length; next++) {
      const splitter = new MessageSplitter();
      const heard: unknown[] = [];
      for (const part of [bytes.slice(0, cut), bytes.slice(cut, next), bytes.slice(next)]) {
        splitter.push(part, (type, all, start, end) => {
          heard.push([String.fromCharCode(type), [...all.subarray(start, end)]]);
        });
      }
      assert.deepEqual(heard, whole);
    }
  }
});

Deno.test("MessageSplitter refuses sizes that cannot be", () => {
  const push = (size: number) =>
    new MessageSplitter().push(Uint8Array.from([65, ...int4(size)]), () => {});
  for (const size of [0, 3, -1, 4 * 1024 * 1024 + 1]) {
    assert.throws(() => push(size), ProtocolError, String(size));
  }
  push(4);
  push(4 * 1024 * 1024);
});

Deno.test("textArrayOf() reads what text is in it, and nothing else", () => {
  const written = (type: "text" | "integer", values: readonly (string | number | null)[]) =>
    Uint8Array.from(array((out) => out.array(type, values, same)).slice(4));
  assert.deepEqual(textArrayOf(written("text", ["a", "", "é"])), ["a", "", "é"]);
  assert.deepEqual(textArrayOf(written("text", [])), []);
  for (
    const bytes of [
      written("integer", [1]),
      written("text", ["a", null]),
      written("text", ["abc"]).slice(0, -1),
      new Uint8Array(3),
    ]
  ) assert.throws(() => textArrayOf(bytes), ProtocolError);
});
