/**
 * Raw bytes against both cores: whatever a client sends, one request is never taken for two, nothing hangs, and the
 * gateway serves on.
 */
import assert from "node:assert/strict";
import { until } from "@/tests/e2e/support.ts";
import { startTestGateway, type TestGateway } from "./support.ts";

const DEADLINE_MS = 5_000;
/** Each core, and ours over each kind of sockets. */
const CORES = ["raw, sockets: epoll", "raw, sockets: node", "web"] as const;
const BODY = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] });

type Wire = { text: string; closed: boolean };

/** Sends the pieces as they are and reads until the peer closes, or until `enough` of it came. */
async function speak(
  gateway: TestGateway,
  pieces: readonly (string | Uint8Array)[],
  enough: (text: string) => boolean = () => false,
): Promise<Wire> {
  const url = new URL(gateway.url);
  using conn = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  conn.setNoDelay(true);
  const wire: Wire = { text: "", closed: false };
  const late = setTimeout(() => conn.close(), DEADLINE_MS);
  const writing = (async () => {
    for (const piece of pieces) {
      const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    }
  })().catch(() => {}); // a server may refuse before it has read all
  const buffer = new Uint8Array(65_536);
  try {
    while (!enough(wire.text)) {
      const count = await conn.read(buffer);
      if (count === null) {
        wire.closed = true;
        break;
      }
      wire.text += new TextDecoder().decode(buffer.subarray(0, count));
    }
  } catch (error) {
    wire.closed =
      !(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted);
  } finally {
    clearTimeout(late);
  }
  await writing;
  return wire;
}

const head = (gateway: TestGateway, fields: readonly string[], path = "/v1/chat/completions") =>
  [
    `POST ${path} HTTP/1.1`,
    "Host: gateway",
    `Authorization: Bearer ${gateway.secret}`,
    "Content-Type: application/json",
    ...fields,
    "",
    "",
  ].join("\r\n");
const plain = (gateway: TestGateway, fields: readonly string[] = []) =>
  head(gateway, [`Content-Length: ${BODY.length}`, ...fields]) + BODY;
const statuses = (text: string) =>
  [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((match) => Number(match[1]));
const answers = (count: number) => (text: string) =>
  text.split('"object":"chat.completion"').length > count;

const start = (front: typeof CORES[number]) =>
  startTestGateway({ tiers: { box: { engine: {} } }, gateway: `{ front: ${front} }` });

/** What two readers could frame differently: [what, fields, what follows the head]. */
const SMUGGLING: readonly (readonly [string, readonly string[], string])[] = [
  [
    "a length and a transfer coding",
    ["Content-Length: 4", "Transfer-Encoding: chunked"],
    "0\r\n\r\n",
  ],
  [
    "a transfer coding and a length",
    ["Transfer-Encoding: chunked", "Content-Length: 400"],
    "0\r\n\r\n",
  ],
  ["two lengths that differ", ["Content-Length: 4", "Content-Length: 9"], "{}{}{}{}{"],
  ["a length with a sign", ["Content-Length: +4"], "{}{}"],
  ["a length with a comma", ["Content-Length: 4, 9"], "{}{}{}{}{"],
  ["a negative length", ["Content-Length: -1"], ""],
  ["a hexadecimal length", ["Content-Length: 0x10"], "{}"],
  ["a space before the colon", ["Content-Length : 4"], "{}{}"],
  ["a folded field", ["X-A: b", " Content-Length: 4"], "{}{}"],
  ["a transfer coding nobody knows", ["Transfer-Encoding: xchunked"], "0\r\n\r\n"],
  ["a NUL in a value", ["X-A: a\0b", "Content-Length: 2"], "{}"],
  ["a control character in a name", ["X\x01A: b", "Content-Length: 2"], "{}"],
  ["a bare CR in a value", ["X-A: a\rContent-Length: 40", "Content-Length: 2"], "{}"],
  ["a field without a name", [": b", "Content-Length: 2"], "{}"],
];

for (const front of CORES) {
  Deno.test(`front ${front}: framing that could be read two ways is refused and ends the connection`, async () => {
    await using gateway = await start(front);
    for (const [what, fields, rest] of SMUGGLING) {
      const inner = `GET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n`;
      const { text, closed } = await speak(gateway, [head(gateway, fields) + rest + inner]);
      if (front !== "web") {
        assert.deepEqual(statuses(text), [400], `${what}: ${text}`);
        assert.ok(closed, `${what} ends the connection`);
      } else {
        // hyper settles some of these by itself; the second request must still not be served as one of ours.
        assert.ok(!text.includes('"object":"chat.completion"'), `${what}: ${text}`);
      }
    }
    const { text } = await speak(gateway, [plain(gateway)], answers(1));
    assert.deepEqual(statuses(text), [200], "it serves on");
  });

  Deno.test(`front ${front}: a request cut anywhere, or sent byte by byte, is one request`, async () => {
    await using gateway = await start(front);
    const whole = plain(gateway);
    for (
      const at of [
        1,
        5,
        21,
        40,
        whole.length - BODY.length - 2,
        whole.length - BODY.length,
        whole.length - 1,
      ]
    ) {
      const { text } = await speak(gateway, [whole.slice(0, at), whole.slice(at)], answers(1));
      assert.deepEqual(statuses(text), [200], `cut at ${at}`);
    }
    const { text } = await speak(gateway, [...whole], answers(1));
    assert.deepEqual(statuses(text), [200], "byte by byte");
  });

  Deno.test(`front ${front}: pipelined requests are answered in order, each once`, async () => {
    await using gateway = await start(front);
    const ids = ["first", "second", "third"];
    const sent = ids.map((id) => plain(gateway, [`X-Request-Id: ${id}`])).join("");
    const { text } = await speak(gateway, [sent], answers(3));
    assert.deepEqual([...text.matchAll(/x-request-id: (\w+)/gi)].map((match) => match[1]), ids);
    assert.deepEqual(statuses(text), [200, 200, 200]);
  });

  Deno.test(`front ${front}: what is no plain POST is still served`, async () => {
    await using gateway = await start(front);
    const chunked = head(gateway, ["Transfer-Encoding: chunked"]) +
      `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
    assert.deepEqual(
      statuses((await speak(gateway, [chunked], answers(1))).text),
      [200],
      "chunked",
    );
    const expecting = await speak(gateway, [plain(gateway, ["Expect: 100-continue"])], answers(1));
    assert.equal(statuses(expecting.text).at(-1), 200, "Expect");
    const old = plain(gateway).replace("HTTP/1.1", "HTTP/1.0");
    assert.deepEqual(statuses((await speak(gateway, [old], answers(1))).text), [200], "HTTP/1.0");
    const models =
      `GET /v1/models HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer ${gateway.secret}\r\n` +
      "Connection: close\r\n\r\n";
    const list = await speak(
      gateway,
      [plain(gateway) + models],
      (text) => text.includes('"object":"list"'),
    );
    assert.deepEqual(statuses(list.text), [200, 200], "a GET behind a POST on one connection");
    const upgrade = plain(gateway, ["Connection: upgrade", "Upgrade: websocket"]);
    assert.equal(statuses((await speak(gateway, [upgrade], answers(1))).text).length, 1, "Upgrade");
  });

  Deno.test(`front ${front}: a client that closes early ends its generation`, async () => {
    await using gateway = await start(front);
    const body = JSON.stringify({
      ...{ model: "m", messages: [{ role: "user", content: "hi" }], stream: true },
      ...{ max_tokens: 5_000, ignore_eos: true },
    });
    const request = head(gateway, [`Content-Length: ${body.length}`, "X-Request-Id: early"]) + body;
    await speak(gateway, [request], (text) => text.includes("data: "));
    const row = await gateway.row("early");
    assert.equal(row.ended, "client_left");
  });

  Deno.test(`front ${front}: random bytes and random cuts never stop it`, async () => {
    await using gateway = await start(front);
    const random = generator(7);
    const runs = Array.from({ length: 40 }, () => {
      const bytes = new TextEncoder().encode(plain(gateway, ["Connection: close"]));
      for (let flips = 0; flips < 3; flips++) bytes[random(bytes.length)] = random(256);
      return bytes.subarray(0, 1 + random(bytes.length));
    });
    await Promise.all(runs.map(async (bytes) => {
      const url = new URL(gateway.url);
      using conn = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
      await conn.write(bytes).catch(() => 0);
      await conn.closeWrite().catch(() => {});
      const buffer = new Uint8Array(4_096);
      // Either side may have reset it; what counts is that it ends.
      while (await conn.read(buffer).catch(() => null) !== null);
    }));
    await until("it serves on", async () => {
      const { text } = await speak(gateway, [plain(gateway)], answers(1));
      return statuses(text).at(-1) === 200;
    });
  });
}

Deno.test("front raw: huge heads and bodies are refused, not held", async () => {
  await using gateway = await startTestGateway({
    tiers: { box: { engine: {} } },
    gateway: "{ front: raw, body_max_mb: 1 }",
  });
  const huge = await speak(gateway, [
    plain(gateway, [`X-A: ${"a".repeat(40_000)}`, "Connection: close"]),
  ]);
  assert.deepEqual(statuses(huge.text), [431]);
  const large = await speak(gateway, [
    head(gateway, ["Content-Length: 99999999"]) + "x".repeat(10_000),
  ]);
  assert.deepEqual(statuses(large.text), [413]);
  assert.ok(large.closed);
});

/** The same numbers every run. Source: Numerical Recipes' linear congruential generator. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}
