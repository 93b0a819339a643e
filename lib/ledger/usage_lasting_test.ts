import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import type { Parcel } from "@/lib/kernel/group_commit.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { createMetrics } from "@/lib/kernel/metrics.ts";
import { Lasting, Unsettled } from "./usage_lasting.ts";

function laid() {
  const clock = manualClock();
  const events: string[] = [];
  const note = (event: string) => void events.push(event);
  const metrics = createMetrics();
  const unsettled = new Unsettled(metrics);
  const sent: Parcel<string, boolean>[] = [];
  const deps = { clock, log: { ...silentLog, warn: note, error: note }, metrics, unsettled };
  const send = (id: string) => new Lasting(id, { id }, (parcel) => sent.push(parcel), deps).send();
  return { clock, events, unsettled, sent, send, metrics };
}

const fault = (code: string) => Object.assign(new Error(code), { code });
const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("Lasting sends a row again after 100 ms, then twice as long each time, up to 5 s", async () => {
  const { clock, events, unsettled, sent, send } = laid();
  send("req_a");
  const waits = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
  for (const [i, waitMs] of waits.entries()) {
    sent.at(-1)?.failed(fault(["CONNECTION_CLOSED", "40P01", "57014"][i % 3] ?? ""));
    clock.advance(millis(waitMs - 1));
    await turn();
    assert.equal(sent.length, i + 1, `not before ${waitMs} ms`);
    clock.advance(millis(1));
    await turn();
    assert.equal(sent.length, i + 2);
  }
  assert.equal(unsettled.rows, 1);
  sent.at(-1)?.landed(true);
  assert.equal(unsettled.rows, 0);
  assert.deepEqual(events, waits.map(() => "usage_close_retried"));
});

Deno.test("Lasting gives up on what trying again cannot mend, counts it and says so", async () => {
  const { events, unsettled, sent, send, metrics } = laid();
  send("req_a");
  sent[0]?.failed(fault("23514"));
  await turn();
  assert.equal(sent.length, 1);
  assert.deepEqual([unsettled.rows, events], [0, ["usage_row_not_closed"]]);
  assert.equal(metrics.usageRowsLostCloseTotal.value, 1);
});

Deno.test("Unsettled.settle() resolves with the last row, and shows how many are left", async () => {
  const { unsettled, sent, send, metrics } = laid();
  await unsettled.settle(new AbortController().signal);
  send("req_a");
  send("req_b");
  let isSettled = false;
  const settled = unsettled.settle(new AbortController().signal).then(() => isSettled = true);
  sent[1]?.landed(false);
  await turn();
  assert.equal(isSettled, false);
  assert.equal(metrics.usageRowsUnsettled.value, 1);
  sent[0]?.landed(true);
  await settled;
  assert.equal(metrics.usageRowsUnsettled.value, 0);
});
