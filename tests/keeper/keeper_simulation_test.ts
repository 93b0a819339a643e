import assert from "node:assert/strict";
import { play, type RunSummary } from "./world.ts";

/** One run takes some milliseconds: hours of a fleet's life with faults, then peace. */
const SEEDS = 500;

Deno.test("the keeper keeps every law through 500 runs of lost calls, crashes, pauses and lies", async () => {
  const failures: string[] = [];
  const total = { served: 0, unserved: 0, moves: 0, crashes: 0, spilled: 0 };
  const rented = { refused: 0, replaced: 0, preempted: 0, outlived: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const run = await play(seed);
      total.served += run.served;
      total.unserved += run.unserved;
      total.moves += run.moves;
      total.crashes += run.crashes;
      total.spilled += run.spilled;
      for (const [what, times] of Object.entries(rented)) {
        rented[what as keyof typeof rented] = times + run[what as keyof typeof rented];
      }
    } catch (error) {
      failures.push(`seed ${seed}: ${error}`);
    }
  }
  assert.deepEqual(failures, []);
  // A simulation in which nothing happens keeps every law.
  assert.ok(total.served > 10 * SEEDS, `${total.served} requests were served`);
  assert.ok(total.moves > 15 * SEEDS, `${total.moves} moves were made`);
  assert.ok(total.crashes > SEEDS, `${total.crashes} keepers died`);
  assert.ok(total.spilled > SEEDS, `${total.spilled} requests went to the next tier`);
  for (const [what, times] of Object.entries(rented)) {
    assert.ok(times > SEEDS / 10, `${times} ${what}`);
  }
  assert.ok(total.unserved > 0, "some requests gave up while faults lasted");
});

Deno.test("a seed plays the same way every time", async () => {
  const twice: RunSummary[] = [await play(17), await play(17)];
  assert.deepEqual(twice[0], twice[1]);
});
