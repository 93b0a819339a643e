/** Tests of client.ts: how long a client may take, on a clock that is moved by hand. */
import assert from "node:assert/strict";
import type { Wire, WireEars } from "@/lib/kernel/sockets/wire.ts";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import type { ApiDeps } from "../api.ts";
import { FrontClient } from "./client.ts";
import { BODY_PAUSE_MS_MAX, HEAD_MS_MAX, IDLE_MS_MAX } from "./limits.ts";

/** A wire that sends nothing by itself, and a client on it. */
function connection() {
  const clock = manualClock();
  let ears: WireEars | null = null;
  let isClosed = false;
  const wire: Wire = {
    listen: (given) => void (ears = given),
    write: () => true,
    isWriting: false,
    pause() {},
    resume() {},
    hangUp() {},
    close: () => void (isClosed = true),
  };
  const api = { clock, bodyBytesMax: 1_000 } as unknown as ApiDeps;
  const sockets = { connect: () => Promise.reject(new Error("Nobody is behind")) };
  const home = { api, fullPort: 0, sockets, stopping: () => false, date: () => "", gone() {} };
  const client = new FrontClient(wire, home);
  return {
    say: (text: string) => ears?.bytes(new TextEncoder().encode(text)),
    after(ms: number) {
      clock.advance(millis(ms));
      client.look(clock.elapsedMs());
      return isClosed;
    },
  };
}

const HEAD = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

Deno.test("an idle connection is closed at its limit, not before", () => {
  const { after } = connection();
  assert.equal(after(IDLE_MS_MAX - 1), false);
  assert.equal(after(1), true);
});

Deno.test("a head that trickles in is closed at its limit, however often a byte comes", () => {
  const { say, after } = connection();
  say(HEAD);
  for (let i = 1; i < 15; i++) {
    assert.equal(after(HEAD_MS_MAX / 15), false, String(i));
    say("x");
  }
  assert.equal(after(HEAD_MS_MAX / 15), true);
});

Deno.test("a body may be slow but not pause for long", () => {
  const { say, after } = connection();
  say(`${HEAD}content-length: 100\r\n\r\n`);
  for (let i = 0; i < 5; i++) {
    say("x");
    assert.equal(after(BODY_PAUSE_MS_MAX - 1), false, String(i));
  }
  assert.equal(after(1), true);
});
