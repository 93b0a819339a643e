import assert from "node:assert/strict";
import { AppError } from "@/lib/kernel/errors.ts";
import { HeldRequests } from "./held_requests.ts";

Deno.test("HeldRequests takes as many as the tier holds and refuses one more", () => {
  const seen: [string, number][] = [];
  const held = new HeldRequests((tier, count) => seen.push([tier, count]));
  const tier = { name: "t", held_max: 2 };
  const leave = held.enter(tier);
  held.enter(tier);
  assert.throws(
    () => held.enter(tier),
    (error) => error instanceof AppError && error.code === "queue_full" && error.retryAfterS === 5,
  );
  held.enter({ name: "other", held_max: 1 });
  leave();
  leave();
  assert.equal(held.count("t"), 1);
  held.enter(tier);
  assert.deepEqual(seen, [["t", 1], ["t", 2], ["other", 1], ["t", 1], ["t", 2]]);
});

Deno.test("HeldRequests of a tier that holds none refuses the first", () => {
  assert.throws(() => new HeldRequests().enter({ name: "t", held_max: 0 }), AppError);
});
