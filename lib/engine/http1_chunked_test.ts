import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { ChunkedDecoder } from "./http1_chunked.ts";
import { UpstreamFailure } from "./upstream.ts";

const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const bytesOf = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Decodes `wire` in reads that end at `cuts`; every read is its own memory, as on a connection. */
function decodeInReads(
  wire: string,
  cuts: readonly number[],
): { text: string; done: boolean; rest: string } {
  const decoder = new ChunkedDecoder();
  const ends = [...new Set([...cuts, wire.length])].sort((a, b) => a - b);
  let text = "";
  let rest = "";
  let from = 0;
  for (const end of ends) {
    const read = bytesOf(wire.slice(from, end));
    from = end;
    if (decoder.isDone) {
      rest += latin1(read);
      continue;
    }
    const stopped = decoder.decode(read, 0, read.length);
    text += latin1(read.subarray(decoder.payloadStart, decoder.payloadEnd));
    rest += latin1(read.subarray(stopped));
  }
  return { text, done: decoder.isDone, rest };
}

const piece = fc.string({
  unit: fc.constantFrom("a", "\r", "\n", "0", ";", ":", "é"),
  minLength: 1,
  maxLength: 40,
});
const body = fc.record({
  pieces: fc.array(piece, { maxLength: 8 }),
  extension: fc.constantFrom("", ";x", " ;a=b", "\t"),
  trailer: fc.constantFrom("", "A: b\r\n", "A: b\r\nC:\r\n"),
});
const framed = (
  { pieces, extension, trailer }: { pieces: string[]; extension: string; trailer: string },
) =>
  pieces.map((one) => `${one.length.toString(16)}${extension}\r\n${one}\r\n`).join("") +
  `0${extension}\r\n${trailer}\r\n`;

Deno.test("decode() gives the payload whatever the chunks and wherever the reads end", () => {
  fc.assert(fc.property(body, fc.array(fc.nat(400)), (sent, cuts) => {
    const wire = framed(sent);
    const expected = { text: sent.pieces.join(""), done: true, rest: "" };
    deepEqual(decodeInReads(wire, cuts.filter((cut) => cut < wire.length)), expected);
  }));
});

Deno.test("decode() is not done before the very last byte, and leaves what follows alone", () => {
  fc.assert(fc.property(body, (sent) => {
    const wire = framed(sent);
    equal(decodeInReads(wire.slice(0, -1), []).done, false);
    equal(decodeInReads(`${wire}HTTP/1.1`, [3, 9]).rest, "HTTP/1.1");
  }));
});

Deno.test("decode() throws at every byte that is no hex digit where a size begins", () => {
  for (let byte = 0; byte < 256; byte++) {
    const isDigit = /[0-9a-fA-F]/.test(String.fromCharCode(byte));
    const read = () => new ChunkedDecoder().decode(Uint8Array.of(byte, 13), 0, 2);
    if (isDigit) equal(read(), 2);
    else throws(read, UpstreamFailure);
  }
});
