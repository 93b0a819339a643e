import assert from "node:assert/strict";
import { manualClock, millis, seconds } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { ProviderError } from "@/lib/providers/provider.ts";
import { kindOf, LimitError, within } from "./failure.ts";

const NEVER = new AbortController().signal;
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await null;
};

Deno.test("within() answers what the call answers, or throws what it throws", async () => {
  const clock = manualClock();
  assert.equal(await within(clock, seconds(1), NEVER, () => Promise.resolve(7)), 7);
  const failing = within(clock, seconds(1), NEVER, () => Promise.reject(new Error("its own")));
  await assert.rejects(failing, /its own/);
});

Deno.test("within() ends at the limit, not a millisecond before, even for a call that does not heed its signal", async () => {
  const clock = manualClock();
  let seen: AbortSignal | null = null;
  const call = within(clock, seconds(1), NEVER, (signal) => {
    seen = signal;
    return new Promise<never>(() => {});
  });
  let ended = false;
  const watched = call.catch((error: unknown) => {
    ended = true;
    return error;
  });
  clock.advance(millis(999));
  await settle();
  assert.equal(ended, false);
  clock.advance(millis(1));
  assert.ok(await watched instanceof LimitError);
  assert.equal((seen as AbortSignal | null)?.aborted, true);
});

Deno.test("within() ends with the caller's signal, and does not begin after it", async () => {
  const clock = manualClock();
  const caller = new AbortController();
  const call = within(clock, seconds(1), caller.signal, () => new Promise<never>(() => {}));
  caller.abort(new Error("the lease was taken"));
  await assert.rejects(call, /the lease was taken/);
  const late = within(clock, seconds(1), caller.signal, () => assert.fail("it was called"));
  await assert.rejects(late, /the lease was taken/);
});

Deno.test("kindOf() names a failure in one word", () => {
  assert.equal(kindOf(new ProviderError("capacity", "p", "start", "none left")), "capacity");
  assert.equal(kindOf(new AppError("internal", "no")), "internal");
  assert.equal(kindOf(new LimitError("late")), "timeout");
  assert.equal(kindOf(new DOMException("no", "AbortError")), "aborted");
  assert.equal(kindOf("something"), "unknown");
});
