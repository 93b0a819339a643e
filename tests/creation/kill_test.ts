/** Kill -9 between any two lines of creation, and a stop there for a while: never two machines, never an unknown one. */
import assert from "node:assert/strict";
import type { Reconciled } from "@/lib/fleet/reconcile.ts";
import { assertOnlyOneEver, bench, recover } from "./creating.ts";
import { makeAndKill, makeAndPause, type Run } from "./make_and_kill.ts";

const POINTS_LEAST = 90;
const AT_ONCE = 4;
/** On a slow machine a lease is renewed more often in one run than in another, and over a connection of its own. */
const MAY_BE = /^(update machines set lease_until|select b\.oid)/;
/** Without these it is not the creation that is killed. */
const MUST_BE = [
  "with moved as ( update machines set place = ",
  "POST /core/virtual-machines",
  "update machines set external_id = ",
  "GET /core/virtual-machines/:id",
];

async function killAndRecover(point: string | null): Promise<Run> {
  await using at = await bench();
  const run = await makeAndKill(at, point);
  const rounds = await recover(at);
  await assertOnlyOneEver(at, point === null ? "not killed" : `killed at ${point}`, rounds);
  return run;
}

/** The next gateway makes the machine while this one stands still, which then goes on as if nothing had happened. */
async function pauseAndTakeOver(point: string): Promise<Run> {
  await using at = await bench();
  const rounds: Reconciled[] = [];
  const run = await makeAndPause(at, point, async () => void rounds.push(...await recover(at)));
  rounds.push(...await recover(at));
  await assertOnlyOneEver(at, `paused at ${point}`, rounds);
  return run;
}

/** Strikes at every point of a whole run, several at a time. */
async function atEveryPoint(strike: (point: string) => Promise<Run>): Promise<string> {
  const { passed: points } = await killAndRecover(null);
  assert.ok(points.length >= POINTS_LEAST, `only ${points.length} fault points`);
  for (const effect of MUST_BE) {
    assert.ok(
      points.some((point) => point.startsWith(effect) && point.includes(" done ")),
      `no fault point ${effect}`,
    );
  }
  if (Deno.env.get("SHOW_POINTS") === "1") console.log(points.join("\n"));
  const left = [...points];
  let struck = 0;
  const worker = async () => {
    for (let point = left.shift(); point !== undefined; point = left.shift()) {
      if ((await strike(point)).struck) struck++;
      else assert.match(point, MAY_BE, `it never came to ${point}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return `${struck} of ${points.length} points`;
}

Deno.test("a gateway killed at any effect of a creation leaves one machine, known to the next", async () => {
  console.log(`killed at ${await atEveryPoint(killAndRecover)}`);
});

Deno.test("a gateway that stands still at any effect of a creation, and goes on after another made the machine, makes no second one", async () => {
  console.log(`paused at ${await atEveryPoint(pauseAndTakeOver)}`);
});
