import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { decodeUtf8, latin1 } from "./utf8.ts";

function strictly(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

Deno.test("decodeUtf8() takes what the strict decoder takes, a replacement character of the text's own included", () => {
  const texts = ["", "a", "é水🔥", "\ufffd", "a\ufffdb", "\ufeffa"];
  for (const text of texts) {
    const bytes = new TextEncoder().encode(text);
    equal(decodeUtf8(bytes), strictly(bytes), JSON.stringify(text));
  }
  equal(decodeUtf8(new TextEncoder().encode("a\ufffdb")), "a\ufffdb");
});

Deno.test("decodeUtf8() refuses what the strict decoder refuses", () => {
  equal(decodeUtf8(Uint8Array.of(0x61, 0xff)), null);
  const bytes = fc.uint8Array({ maxLength: 12 });
  const prefix = fc.constantFrom("", "é", "\ufffd");
  fc.assert(
    fc.property(prefix, bytes, (text, more) => {
      const all = new Uint8Array([...new TextEncoder().encode(text), ...more]);
      equal(decodeUtf8(all), strictly(all));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("latin1() is one character for each byte, whatever the bytes", () => {
  const some = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.string({ unit: "grapheme", maxLength: 6 }).map((text) => new TextEncoder().encode(text)),
    fc.constant(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)),
  );
  fc.assert(fc.property(some, some, (before, bytes) => {
    const all = Uint8Array.of(...before, ...bytes, 0x61);
    const to = before.length + bytes.length;
    equal(latin1(all, before.length, to), Buffer.from(bytes).toString("latin1"));
  }));
});
