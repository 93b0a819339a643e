import assert from "node:assert/strict";
import fc from "fast-check";
import { dataOf, EVENT_BYTES_MAX, EventSplitter, nameOf, NotEvents } from "./event_splitter.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Text with characters of one to four bytes, a comment, CRLF and several data lines. */
const STREAM = [
  ": waking\n\n",
  'data: {"a":"é"}\n\n',
  "event: x\r\ndata: 水\r\ndata: 🔥\r\n\r\n",
  "data:[DONE]\n\n",
];

function eventsOf(pieces: readonly Uint8Array[]): { events: string[]; rest: string } {
  const splitter = new EventSplitter();
  const events = pieces.flatMap((piece) => splitter.push(piece));
  return { events, rest: splitter.rest() };
}

Deno.test("EventSplitter gives the same events wherever the stream is cut in two", () => {
  const bytes = encode(STREAM.join(""));
  for (let cut = 0; cut <= bytes.length; cut++) {
    const { events, rest } = eventsOf([bytes.subarray(0, cut), bytes.subarray(cut)]);
    assert.deepEqual(events, STREAM, `cut at ${cut}`);
    assert.equal(rest, "");
  }
});

Deno.test("EventSplitter ends an event at its CRLF pair, though a line feed follows", () => {
  const whole = { events: ["\r\n\r\n"], rest: "\n" };
  assert.deepEqual(eventsOf([encode("\r\n\r\n\n")]), whole);
  assert.deepEqual(eventsOf([encode("\r\n\r\n"), encode("\n")]), whole);
});

Deno.test("EventSplitter loses no byte of any text, however it is cut", () => {
  const piece = fc.constantFrom("data: a\n\n", "\r\n", "\n", "\n\n", "é", "🔥", ": c\n", "data: x");
  fc.assert(fc.property(fc.array(piece), fc.array(fc.nat(80)), (texts, cuts) => {
    const bytes = encode(texts.join(""));
    const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length]
      .sort((a, b) => a - b);
    const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
    const cut = eventsOf(pieces);
    assert.equal(cut.events.join("") + cut.rest, texts.join(""));
    assert.deepEqual(cut, eventsOf([bytes]));
  }));
});

Deno.test("EventSplitter keeps an event without its blank line as the rest", () => {
  assert.deepEqual(eventsOf([encode("data: a\n\ndata: b\n")]), {
    events: ["data: a\n\n"],
    rest: "data: b\n",
  });
  const half = encode("data: é").subarray(0, 7);
  assert.equal(eventsOf([half]).rest, "data: \ufffd");
});

Deno.test("EventSplitter takes an event of the most bytes and refuses one more", () => {
  const splitter = new EventSplitter();
  assert.deepEqual(splitter.push(encode("x".repeat(EVENT_BYTES_MAX))), []);
  assert.throws(() => splitter.push(encode("x")), NotEvents);
});

Deno.test("dataOf() joins the data lines and drops one space; a comment has none", () => {
  assert.equal(dataOf("data: {}\n\n"), "{}");
  assert.equal(dataOf("data:  a\n\n"), " a");
  assert.equal(dataOf("event: e\r\ndata:a\r\ndata: b\r\n\r\n"), "a\nb");
  assert.equal(dataOf(": waking\n\n"), null);
  assert.equal(dataOf("event: ping\n\n"), null);
});

Deno.test("nameOf() finds the event's name on any line of it", () => {
  assert.equal(nameOf("event: message_stop\ndata: {}\n\n"), "message_stop");
  assert.equal(nameOf("data: {}\r\nevent:error\r\n\r\n"), "error");
  assert.equal(nameOf('data: {"event: x":1}\n\n'), null);
});
