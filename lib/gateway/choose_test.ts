import assert from "node:assert/strict";
import { chooseMachine } from "./choose.ts";

const machines = (count: number) =>
  Array.from({ length: count }, (_, slot) => ({ id: `mac_${slot}`, slot }));
const idle = () => 0;
const SESSIONS = Array.from({ length: 3_000 }, (_, i) => `session-${i}`);

Deno.test("chooseMachine() has nothing to choose from an empty tier", () => {
  assert.equal(chooseMachine([], null, idle), null);
  assert.equal(chooseMachine([], "s", idle), null);
});

Deno.test("chooseMachine() takes the least busy machine, the lowest slot among equals", () => {
  const loads = new Map([["mac_0", 2], ["mac_1", 1], ["mac_2", 1]]);
  const choose = (list: { id: string; slot: number }[]) =>
    chooseMachine(list, null, (id) => loads.get(id) ?? 0)?.id;
  assert.equal(choose(machines(3)), "mac_1");
  assert.equal(choose(machines(3).reverse()), "mac_1");
});

Deno.test("chooseMachine() keeps a session on its machine, whatever order they are listed in", () => {
  for (const session of SESSIONS.slice(0, 100)) {
    const first = chooseMachine(machines(4), session, idle);
    assert.deepEqual(chooseMachine(machines(4).reverse(), session, idle), first);
  }
});

Deno.test("chooseMachine() moves only the sessions of a machine that leaves", () => {
  const before = new Map(SESSIONS.map((s) => [s, chooseMachine(machines(4), s, idle)?.id]));
  const rest = machines(4).filter((machine) => machine.id !== "mac_2");
  for (const session of SESSIONS) {
    const now = chooseMachine(rest, session, idle)?.id;
    if (before.get(session) === "mac_2") assert.notEqual(now, "mac_2");
    else assert.equal(now, before.get(session));
  }
});

Deno.test("chooseMachine() spreads sessions evenly, within a fifth of an even share", () => {
  const shares = new Map<string, number>();
  for (const session of SESSIONS) {
    const id = chooseMachine(machines(4), session, idle)?.id ?? "";
    shares.set(id, (shares.get(id) ?? 0) + 1);
  }
  assert.equal(shares.size, 4);
  for (const [id, share] of shares) {
    assert.ok(Math.abs(share - SESSIONS.length / 4) < SESSIONS.length / 20, `${id}: ${share}`);
  }
});

Deno.test("chooseMachine() passes a session on when its machine is at a quarter above the average", () => {
  const own = chooseMachine(machines(2), "s", idle)?.id ?? "";
  const other = own === "mac_0" ? "mac_1" : "mac_0";
  const choose = (ownLoad: number, otherLoad: number) =>
    chooseMachine(machines(2), "s", (id) => id === own ? ownLoad : otherLoad)?.id;
  // 1.25 * (6 + 4 + 1) / 2 = 6.9, rounded up 7.
  assert.equal(choose(6, 4), own);
  assert.equal(choose(7, 3), other);
});

Deno.test("chooseMachine() always finds room on a lone machine", () => {
  assert.equal(chooseMachine(machines(1), "s", () => 1_000)?.id, "mac_0");
});
