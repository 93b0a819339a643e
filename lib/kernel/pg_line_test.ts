/** A line against a server that is played by the test: what no real one does on demand. */
import assert from "node:assert/strict";
import { codeOf, isConnectionLost } from "./database.ts";
import type { Wire, WireEars } from "./sockets/wire.ts";
import { PgError, ProtocolError, UnspokenError } from "./pg_error.ts";
import { PgLine } from "./pg_line.ts";
import { MessageReader } from "./pg_reader.ts";
import { MessageWriter } from "./pg_writer.ts";

const login = { user: "u", password: "p", database: "d", settings: { TimeZone: "UTC" } };
const statement = { text: "select $1::integer", parameters: [23] };

type Write = (out: MessageWriter) => void;

function message(type: string, write: Write = () => {}): Uint8Array<ArrayBuffer> {
  const out = new MessageWriter();
  const start = out.begin(type);
  write(out);
  out.end(start);
  return out.written.slice();
}

function joined(...parts: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const ready = message("Z", (out) => out.raw(Uint8Array.of(73)));
const welcome = joined(message("R", (out) => out.int4(0)), ready);
const described = (...oids: number[]) =>
  message("t", (out) => {
    out.int2(oids.length);
    for (const oid of oids) out.int4(oid);
  });
const rowDescribed = message("T", (out) => out.int2(0));
const prepared = joined(message("1"), described(23), rowDescribed, ready);
const row = message("D", (out) => {
  out.int2(2);
  out.int4(-1);
  out.integer(7);
});
const answered = joined(message("2"), row, message("C", (out) => out.name("SELECT 1")), ready);
const failed = (severity: string, code: string) =>
  message("E", (out) => {
    for (const field of [`S${severity}`, `V${severity}`, `C${code}`, "Mit is so"]) out.name(field);
    out.name("");
  });

/** A server that says the next of `answers` to whatever it is told. */
function played(...answers: (Uint8Array<ArrayBuffer> | "end" | "silence")[]) {
  const hand = {
    ears: null as WireEars | null,
    heard: [] as Uint8Array[],
    closed: false,
    say: (bytes: Uint8Array<ArrayBuffer>) => hand.ears?.bytes(bytes),
  };
  const wire: Wire = {
    listen: (ears) => void (hand.ears = ears),
    isWriting: false,
    pause() {},
    resume() {},
    hangUp() {},
    write(data) {
      assert.ok(typeof data !== "string");
      hand.heard.push(data.slice());
      const answer = answers.shift();
      queueMicrotask(() => {
        if (hand.closed || answer === undefined || answer === "silence") return;
        if (answer === "end") hand.ears?.ended();
        else hand.ears?.bytes(answer);
      });
      return true;
    },
    close: () => void (hand.closed = true),
  };
  return { hand, wire };
}

const quiet = new AbortController().signal;
const seven: Write = (out) => out.integer(7);

Deno.test("PgLine says who it is, prepares once, and runs in one write", async () => {
  const { hand, wire } = played(welcome, prepared, answered, answered);
  const line = await PgLine.open(wire, login, statement, quiet);
  const [first, second] = await line.run(seven);
  assert.equal(first, null);
  assert.equal(new MessageReader(second ?? new Uint8Array()).int4(), 7);
  await line.run(seven);
  assert.equal(hand.heard.length, 4);
  const text = (at: number) => new TextDecoder().decode(hand.heard[at]).replaceAll("\0", " ");
  assert.match(text(0), /user u database d client_encoding UTF8 TimeZone UTC/);
  assert.match(text(1), /^P.*select \$1::integer.*D.*S/);
  assert.match(text(2), /^B.*E.*S/s);
  assert.deepEqual(hand.heard[2], hand.heard[3]);
});

Deno.test("PgLine hears notices and settings at any time, and lets them pass", async () => {
  const aside = joined(message("N", (out) => out.name("")), message("S", (out) => out.name("")));
  const { hand, wire } = played(
    joined(aside, welcome),
    joined(aside, prepared),
    joined(aside, answered),
  );
  const line = await PgLine.open(wire, login, statement, quiet);
  hand.say(aside);
  assert.equal((await line.run(seven)).length, 2);
});

Deno.test("PgLine fails a run by what the server reported, and carries the next", async () => {
  const { wire } = played(welcome, prepared, joined(failed("ERROR", "40P01"), ready), answered);
  const line = await PgLine.open(wire, login, statement, quiet);
  await assert.rejects(line.run(seven), (error) => {
    assert.ok(error instanceof PgError);
    assert.deepEqual([error.code, error.message], ["40P01", "it is so"]);
    return true;
  });
  assert.equal((await line.run(seven)).length, 2);
});

Deno.test("PgLine does not send what could not be written, and carries the next", async () => {
  const { hand, wire } = played(welcome, prepared, answered);
  const line = await PgLine.open(wire, login, statement, quiet);
  await assert.rejects(line.run((out) => out.integer(0.5)), (error) => codeOf(error) === "22P02");
  assert.equal(hand.heard.length, 2);
  assert.equal((await line.run(seven)).length, 2);
});

Deno.test("PgLine is lost with a server that ends, breaks, says goodbye, or talks nonsense", async () => {
  const ends: [string, (hand: ReturnType<typeof played>["hand"]) => void, RegExp][] = [
    ["ends", (hand) => hand.ears?.ended(), /^CONNECTION_CLOSED$/],
    ["breaks", (hand) => hand.ears?.broke(new Error("reset")), /^CONNECTION_CLOSED$/],
    ["goes", (hand) => hand.say(failed("FATAL", "57P01")), /^57P01$/],
    ["is unasked", (hand) => hand.say(message("G")), /^08P01$/],
    ["asks again", (hand) => hand.say(welcome), /^08P01$/],
    ["has two rows", (hand) => hand.say(joined(row, row)), /^08P01$/],
    ["has short rows", (hand) => hand.say(message("D", (out) => out.int2(1))), /^08P01$/],
    [
      "has endless text",
      (hand) => hand.say(message("E", (out) => out.raw(Uint8Array.of(83, 65)))),
      /^08P01$/,
    ],
    ["has no row", (hand) => hand.say(ready), /^08P01$/],
  ];
  for (const [name, end, code] of ends) {
    const { hand, wire } = played(welcome, prepared, "silence");
    const line = await PgLine.open(wire, login, statement, quiet);
    const run = assert.rejects(line.run(seven), (error) => {
      assert.match(codeOf(error) ?? "", code, name);
      assert.ok(isConnectionLost(error), name);
      return true;
    });
    end(hand);
    await run;
    assert.equal(line.isLost, hand.closed);
    if (name !== "has no row") assert.ok(line.isLost, name);
  }
});

Deno.test("PgLine is lost by an error that nobody asked for", async () => {
  const { hand, wire } = played(welcome, prepared);
  const line = await PgLine.open(wire, login, statement, quiet);
  hand.say(failed("FATAL", "57P01"));
  assert.ok(line.isLost);
  await assert.rejects(line.run(seven), (error) => codeOf(error) === "57P01");
});

Deno.test("PgLine.open() fails by what is refused, not spoken, or too late, and closes", async () => {
  const opened = async (
    expected: (error: unknown) => boolean,
    ...answers: Parameters<typeof played>
  ) => {
    const { hand, wire } = played(...answers);
    const late = new AbortController();
    const opening = PgLine.open(wire, login, statement, late.signal);
    if (answers.at(-1) === "silence") queueMicrotask(() => late.abort(new Error("late")));
    await assert.rejects(opening, expected);
    assert.ok(hand.closed);
  };
  const isUnspoken = (error: unknown) => error instanceof UnspokenError;
  await opened((error) => codeOf(error) === "28P01", failed("FATAL", "28P01"));
  await opened(
    (error) => codeOf(error) === "42P01",
    welcome,
    joined(failed("ERROR", "42P01"), ready),
  );
  await opened(isUnspoken, message("R", (out) => out.int4(7)));
  await opened(isUnspoken, welcome, joined(message("1"), described(25), rowDescribed, ready));
  const isNonsense = (error: unknown) => error instanceof ProtocolError;
  await opened(isNonsense, message("Z"));
  const offer = message("R", (out) => {
    out.int4(10);
    for (const name of ["SCRAM-SHA-256", ""]) out.name(name);
  });
  await opened(isNonsense, offer, welcome); // it is let in without a proof of the server's
  await opened(isConnectionLost, "end");
  await opened(isConnectionLost, welcome, "end");
  await opened((error) => error instanceof Error && error.message === "late", "silence");
});

Deno.test("PgLine.close() says goodbye, and fails what comes after", async () => {
  const { hand, wire } = played(welcome, prepared);
  const line = await PgLine.open(wire, login, statement, quiet);
  line.close();
  assert.equal(hand.heard.at(-1)?.[0], "X".charCodeAt(0));
  assert.ok(hand.closed);
  await assert.rejects(line.run(seven), isConnectionLost);
});
