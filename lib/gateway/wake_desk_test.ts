import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import type { WakeAnswer, WakeAsk } from "@/lib/fleet/wakes_store.ts";
import { settled, targetsOf } from "./acquire_testing.ts";
import { WakeDesk } from "./wake_desk.ts";

const [spot, standard] = targetsOf().map((target) => target.tier);

function deskOf(answer: (ask: WakeAsk) => Promise<WakeAnswer>) {
  const clock = manualClock();
  const calls: string[] = [];
  const asks: WakeAsk[] = [];
  const warned: string[] = [];
  const desk = new WakeDesk({
    clock,
    log: { ...silentLog, warn: (event) => warned.push(event) },
    wakeFor: millis(590_000),
    ask(ask) {
      asks.push(ask);
      return answer(ask);
    },
    readyIn: () => 0,
    refresh() {
      calls.push("refresh");
      return Promise.resolve();
    },
    poke: (machineId) => calls.push(`poke ${machineId}`),
  });
  assert.ok(spot !== undefined && standard !== undefined);
  return { clock, desk, asks, calls, warned, spot, standard };
}

const asked = (): Promise<WakeAnswer> =>
  Promise.resolve({ kind: "asked", wakeId: "wak_1", machineId: "mac_1", shared: false });

Deno.test("WakeDesk makes one call of a thousand asks, and pokes the keeper before it looks again", async () => {
  const { desk, asks, calls, spot } = deskOf(asked);
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) => desk.ask(spot, `req_${i}`)),
  );
  assert.deepEqual(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
  assert.deepEqual(answers[0], { kind: "asked", wakeId: "wak_1" });
  assert.deepEqual(asks, [
    {
      tier: "spot",
      requestId: "req_0",
      patience: millis(590_000),
      attempts: spot.wake.attempts,
      readySeen: 0,
    },
  ]);
  assert.deepEqual(calls, ["poke mac_1", "refresh"]);
});

Deno.test("WakeDesk asks for each tier by itself, and anew once an ask was answered", async () => {
  const { desk, asks, spot, standard } = deskOf(asked);
  await Promise.all([desk.ask(spot, "a"), desk.ask(standard, "b")]);
  await desk.ask(spot, "c");
  assert.deepEqual(asks.map((ask) => ask.tier), ["spot", "standard", "spot"]);
});

Deno.test("WakeDesk looks again when nothing can be woken, since a machine may have become ready unseen", async () => {
  const answer = { kind: "unavailable", retryAt: null, because: "all serve" } as const;
  const { desk, calls, spot } = deskOf(() => Promise.resolve(answer));
  assert.deepEqual(await desk.ask(spot, "a"), answer);
  assert.deepEqual(calls, ["refresh"]);
});

Deno.test("WakeDesk lets a failed ask be tried again by the next", async () => {
  let fails = true;
  const { desk, spot } = deskOf(() => fails ? Promise.reject(new Error("no database")) : asked());
  await assert.rejects(desk.ask(spot, "a"), /no database/);
  fails = false;
  assert.equal((await desk.ask(spot, "b")).kind, "asked");
});

Deno.test("WakeDesk.askMore() asks once a second for a tier, and only logs a failure", async () => {
  const { clock, desk, asks, warned, spot, standard } = deskOf(() =>
    Promise.reject(new Error("no database"))
  );
  for (let i = 0; i < 100; i++) desk.askMore(spot, "a");
  desk.askMore(standard, "a");
  clock.advance(millis(999));
  desk.askMore(spot, "b");
  assert.equal(asks.length, 2);
  await settled();
  clock.advance(millis(1));
  desk.askMore(spot, "c");
  await settled();
  assert.equal(asks.length, 3);
  assert.deepEqual(warned, ["wake_not_asked", "wake_not_asked", "wake_not_asked"]);
});
