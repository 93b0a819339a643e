/** Tests of client.ts: how long a client may take, on a clock that is moved by hand. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import type net from "node:net";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import type { ApiDeps } from "../api.ts";
import { FrontClient } from "./client.ts";
import { BODY_PAUSE_MS_MAX, HEAD_MS_MAX, IDLE_MS_MAX } from "./limits.ts";

/** A socket that sends nothing by itself, and a client on it. */
function connection() {
  const clock = manualClock();
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const api = { clock, bodyBytesMax: 1_000 } as unknown as ApiDeps;
  const home = { api, fullPort: 0, stopping: () => false, date: () => "", gone() {} };
  const client = new FrontClient(socket as unknown as net.Socket, home);
  return {
    say: async (text: string) => {
      socket.push(text);
      await new Promise((resolve) => setTimeout(resolve)); // a stream hands on in a later turn
    },
    after(ms: number) {
      clock.advance(millis(ms));
      client.look(clock.elapsedMs());
      return socket.destroyed;
    },
  };
}

const HEAD = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

Deno.test("an idle connection is closed at its limit, not before", () => {
  const { after } = connection();
  assert.equal(after(IDLE_MS_MAX - 1), false);
  assert.equal(after(1), true);
});

Deno.test("a head that trickles in is closed at its limit, however often a byte comes", async () => {
  const { say, after } = connection();
  await say(HEAD);
  for (let i = 1; i < 15; i++) {
    assert.equal(after(HEAD_MS_MAX / 15), false, String(i));
    await say("x");
  }
  assert.equal(after(HEAD_MS_MAX / 15), true);
});

Deno.test("a body may be slow but not pause for long", async () => {
  const { say, after } = connection();
  await say(`${HEAD}content-length: 100\r\n\r\n`);
  for (let i = 0; i < 5; i++) {
    await say("x");
    assert.equal(after(BODY_PAUSE_MS_MAX - 1), false, String(i));
  }
  assert.equal(after(1), true);
});
