/** Tests of the simulated Hyperstack account: the life of machines, faults, and money exact to the nano-dollar. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { manualClock, millis, minutes, systemClock } from "@/lib/kernel/clock.ts";
import { eventually } from "../http/raw_client.ts";
import { FAST } from "../with_engine.ts";
import { MINUTE_MS } from "./bill.ts";
import { scaledClock } from "./clocks.ts";
import { call, CREATE, MACHINES, withKey } from "./hyperstack_testing.ts";
import type { HyperstackOptions } from "./options.ts";
import { type Hyperstack, startHyperstack } from "./start_hyperstack.ts";

const START_MS = Date.UTC(2026, 7, 1);
const SOON = minutes(30);

async function withAccount(
  given: Partial<HyperstackOptions>,
  test: (account: Hyperstack, clock: ReturnType<typeof manualClock>) => Promise<void>,
): Promise<void> {
  const clock = manualClock(START_MS);
  const account = await startHyperstack({ clock, ...given });
  try {
    await withKey(account);
    await test(account, clock);
  } finally {
    await account.close();
  }
}

async function created(account: Hyperstack, more: Record<string, unknown> = {}): Promise<number> {
  const { status, body } = await call(account, "POST", MACHINES, { ...CREATE, ...more });
  assert.equal(status, 200, JSON.stringify(body));
  const [vm] = account.control.vms().slice(-1);
  assert.ok(vm !== undefined);
  return vm.id;
}

const statusOf = ({ control }: Hyperstack, id: number) =>
  control.vms().find((vm) => vm.id === id)?.status;

Deno.test("a machine becomes ACTIVE, gets an address, stops, starts, hibernates and ends", async () => {
  await withAccount({}, async (account, clock) => {
    const id = await created(account);
    assert.equal(statusOf(account, id), "CREATING");
    clock.advance(SOON);
    const read = await call(account, "GET", `${MACHINES}/${id}`);
    const instance = read.body["instance"] as Record<string, unknown>;
    assert.equal(instance["status"], "ACTIVE");
    assert.match(String(instance["floating_ip"]), /^127\.44\./);
    for (
      const [verb, settled] of [
        ["stop", "SHUTOFF"],
        ["start", "ACTIVE"],
        ["hard-reboot", "ACTIVE"],
        ["hibernate?retain_ip=true", "HIBERNATED"],
        ["hibernate-restore", "ACTIVE"],
      ] as const
    ) {
      assert.equal((await call(account, "GET", `${MACHINES}/${id}/${verb}`)).status, 200, verb);
      clock.advance(SOON);
      assert.equal(statusOf(account, id), settled, verb);
    }
    const again = await call(account, "GET", `${MACHINES}/${id}`);
    assert.equal(
      (again.body["instance"] as Record<string, unknown>)["floating_ip"],
      instance["floating_ip"],
    );
    const wrong = await call(account, "GET", `${MACHINES}/${id}/hibernate-restore`);
    assert.deepEqual([wrong.status, wrong.body["error_reason"]], [400, "bad_request"]);
    await call(account, "DELETE", `${MACHINES}/${id}`);
    clock.advance(SOON);
    assert.equal((await call(account, "GET", `${MACHINES}/${id}`)).status, 404);
  });
});

Deno.test("an address not retained is another one after the restore", async () => {
  await withAccount({}, async (account, clock) => {
    const id = await created(account);
    clock.advance(SOON);
    const before = account.control.vms()[0]?.floatingIp;
    await call(account, "GET", `${MACHINES}/${id}/hibernate?retain_ip=false`);
    clock.advance(SOON);
    assert.equal(account.control.vms()[0]?.floatingIp, null);
    await call(account, "GET", `${MACHINES}/${id}/hibernate-restore`);
    clock.advance(SOON);
    assert.notEqual(account.control.vms()[0]?.floatingIp, before);
  });
});

Deno.test("the key, the route, the page and the rate limit are kept to", async () => {
  await withAccount({ requestsPerMinuteMax: 20 }, async (account, clock) => {
    const stranger = await call({ ...account, apiKey: "x" }, "GET", MACHINES);
    assert.deepEqual([stranger.status, stranger.body["error_reason"]], [401, "unauthorized"]);
    assert.equal((await call(account, "GET", "/core/nothing")).status, 404);
    assert.equal((await call(account, "PATCH", MACHINES)).status, 405);
    for (const name of ["a", "b", "c"]) await created(account, { name });
    assert.equal((await call(account, "POST", MACHINES, { ...CREATE, name: "a" })).status, 409);
    const page = await call(account, "GET", `${MACHINES}?page=2&pageSize=2`);
    assert.deepEqual([page.body["count"], (page.body["instances"] as unknown[]).length], [3, 1]);
    const free = await call(account, "GET", `${MACHINES}/name-availability/d`);
    assert.equal(free.body["available"], true);
    let last = 200;
    for (let n = 0; n < 20 && last === 200; n++) {
      last = (await call(account, "GET", "/core/stocks")).status;
    }
    assert.equal(last, 429);
    clock.advance(minutes(1));
    assert.equal((await call(account, "GET", "/core/stocks")).status, 200);
  });
});

Deno.test("faults: each kind does what it says, once, at its turn", async () => {
  await withAccount({}, async (account, clock) => {
    const { control } = account;
    control.fault("list", "server_error", { nth: 2 });
    assert.equal((await call(account, "GET", MACHINES)).status, 200);
    assert.deepEqual(await call(account, "GET", MACHINES), {
      status: 500,
      body: { message: "Internal Server Error" },
    });
    control.fault("any", "rate_limited", { times: 2 });
    assert.equal((await call(account, "GET", MACHINES)).status, 429);
    assert.equal((await call(account, "GET", "/core/flavors")).status, 429);
    control.fault("create", "unheard");
    await assert.rejects(call(account, "POST", MACHINES, CREATE));
    assert.equal(control.vms().length, 0);
    control.fault("create", "lost");
    await assert.rejects(call(account, "POST", MACHINES, CREATE));
    assert.equal(control.vms().length, 1);
    control.fault("create", "stock_out");
    assert.equal((await call(account, "POST", MACHINES, { ...CREATE, name: "s" })).status, 400);
    control.fault("create", "insufficient_credit");
    assert.equal((await call(account, "POST", MACHINES, { ...CREATE, name: "s" })).status, 400);
    control.fault("create", "fails_later");
    const doomed = await created(account, { name: "doomed" });
    clock.advance(SOON);
    assert.equal(statusOf(account, doomed), "ERROR");
    const first = control.vms()[0]?.id ?? 0;
    await call(account, "GET", `${MACHINES}/${first}/stop`);
    control.fault("read", "lying_status");
    const lie = await call(account, "GET", `${MACHINES}/${first}`);
    assert.equal((lie.body["instance"] as Record<string, unknown>)["status"], "ACTIVE");
    control.outage({ fromMs: clock.now(), toMs: clock.now() + MINUTE_MS, how: "unavailable" });
    assert.equal((await call(account, "GET", MACHINES)).status, 503);
    clock.advance(minutes(1));
    assert.equal((await call(account, "GET", MACHINES)).status, 200);
    control.fault("list", { kind: "slow", byMs: 5_000 });
    let arrived = false;
    const slow = call(account, "GET", MACHINES).then(() => arrived = true);
    await call(account, "GET", "/core/stocks");
    assert.equal(arrived, false);
    await eventually(() => {
      clock.advance(millis(5_000));
      return arrived;
    }, "the slow answer");
    await slow;
    control.preempt(first, "gone");
    assert.equal((await call(account, "GET", `${MACHINES}/${first}`)).status, 404);
    control.setCredit(0n);
    assert.equal((await call(account, "POST", MACHINES, { ...CREATE, name: "p" })).status, 400);
  });
});

for (
  const [starvedRestore, answer, ends] of [
    ["refuse", 400, "HIBERNATED"],
    ["back", 200, "HIBERNATED"],
    ["ERROR", 200, "ERROR"],
  ] as const
) {
  Deno.test(`a restore without stock: ${starvedRestore}`, async () => {
    await withAccount({ starvedRestore }, async (account, clock) => {
      const id = await created(account);
      clock.advance(SOON);
      await call(account, "GET", `${MACHINES}/${id}/hibernate`);
      clock.advance(SOON);
      account.control.setStock("CANADA-1", "H100-80G-PCIe", 0);
      const said = await call(account, "GET", `${MACHINES}/${id}/hibernate-restore`);
      assert.equal(said.status, answer);
      clock.advance(SOON);
      assert.equal(statusOf(account, id), ends);
    });
  });
}

Deno.test("usage(): late totals, credits and deleted machines show as the vendor's do", async () => {
  await withAccount({}, async (account, clock) => {
    const id = await created(account);
    clock.advance(minutes(120));
    const totals = async () => {
      const { body } = await call(account, "GET", "/billing/billing/usage?deleted=true");
      return (body["data"] as Record<string, unknown>[]).map((each) => Number(each["total_bill"]));
    };
    const [full = 0] = await totals();
    assert.ok(full > 4.8 && full < 5.02, String(full));
    account.control.setUsageLateMs(60 * MINUTE_MS);
    const [late = 0] = await totals();
    assert.ok(late < full && late > 2.2, String(late));
    account.control.setUsageLateMs(0);
    account.control.correct(id, -1_000_000_000n);
    assert.equal((await totals())[0]?.toFixed(9), (full - 1).toFixed(9));
    await call(account, "DELETE", `${MACHINES}/${id}`);
    clock.advance(SOON);
    assert.equal((await totals()).length, 1);
    const { body } = await call(account, "GET", "/billing/billing/usage?deleted=false");
    assert.deepEqual(body["data"], []);
    const history = await call(account, "GET", `/billing/billing/history/virtual-machine/${id}`);
    assert.match(JSON.stringify(history.body), /"usage_time_HIBERNATED":0/);
    assert.equal((await call(account, "GET", "/billing/billing/last-day-cost")).status, 200);
  });
});

/** What a minute costs an H100 with an address, by the published prices, per status: nano-dollars an hour. */
const HOURLY: Record<string, (address: boolean) => bigint> = {
  ACTIVE: (address) => 2_500_000_000n + (address ? 6_720_430n : 0n),
  HIBERNATED: (address) => 9_677_400n + (address ? 6_720_430n : 0n),
};
for (const full of ["SHUTOFF", "STARTING", "STOPPING", "REBOOTING"]) {
  HOURLY[full] = (address) => HOURLY["ACTIVE"]?.(address) ?? 0n;
}

Deno.test("usage() agrees with the invoice and with a count by hand, every minute of any life", async () => {
  const step = fc.record({
    verb: fc.constantFrom(
      "stop",
      "start",
      "hard-reboot",
      "hibernate?retain_ip=true",
      "hibernate?retain_ip=false",
      "hibernate-restore",
    ),
    waitMinutes: fc.integer({ min: 1, max: 7 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(1_000), fc.array(step, { maxLength: 6 }), async (seed, steps) => {
      await withAccount({ seed, requestsPerMinuteMax: 10_000 }, async (account, clock) => {
        const id = await created(account);
        let byHand = 0n;
        let first = true;
        const minute = async () => {
          // at a mark: the state of this moment is what its minute is billed for
          if (!first) clock.advance(minutes(1));
          first = false;
          const vm = account.control.vms()[0];
          byHand += HOURLY[vm?.status ?? ""]?.(vm?.floatingIp !== null) ?? 0n;
          const { body } = await call(account, "GET", "/billing/billing/usage");
          const shown = (body["data"] as Record<string, unknown>[])[0]?.["total_bill"];
          const invoice = account.control.invoice();
          assert.equal(BigInt(Math.round(Number(shown) * 1e9)), invoice.totalNanoUsd);
          assert.equal(invoice.totalNanoUsd, (2n * byHand + 60n) / 120n);
        };
        for (let n = 0; n < 4; n++) await minute();
        for (const { verb, waitMinutes } of steps) {
          await call(account, "GET", `${MACHINES}/${id}/${verb}`);
          for (let n = 0; n < waitMinutes; n++) await minute();
        }
        const now = clock.now() + 1;
        const parts = account.control.minutes(String(id), START_MS, now);
        const sum = parts.reduce((total, part) => total + part.nanoUsd, 0n);
        assert.equal(sum, account.control.invoice().totalNanoUsd);
      });
    }),
    { numRuns: 25 },
  );
});

Deno.test("a week of spot machines takes seconds, and the same seed gives the same bill", async () => {
  const week = async () => {
    let bill = 0n;
    let taken = 0;
    await withAccount({ seed: 7, faults: { preemptionsPerHour: 0.2 } }, async (account, clock) => {
      for (let hour = 0; hour < 7 * 24; hour++) {
        for (const vm of account.control.vms()) {
          if (vm.status === "SHUTOFF") {
            taken += 1;
            await call(account, "GET", `${MACHINES}/${vm.id}/start`);
          }
        }
        if (hour < 3) await created(account, { name: `v${hour}`, flavor_name: "n3-H100x1-spot" });
        await call(account, "GET", "/billing/billing/usage?deleted=true");
        clock.advance(minutes(60));
      }
      bill = account.control.invoice().totalNanoUsd;
    });
    return { bill, taken };
  };
  const first = await week();
  assert.ok(first.taken > 20, String(first.taken));
  assert.ok(first.bill > 900_000_000_000n && first.bill < 1_020_000_000_000n, String(first.bill));
  assert.deepEqual(await week(), first);
});

Deno.test({
  name:
    "a real engine answers on the machine's address, goes with hibernation, and is back on another",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const prefix = `127.${100 + Deno.pid % 100}`;
    const account = await startHyperstack({
      clock: scaledClock(systemClock, 600),
      engines: "real",
      engine: { latency: FAST },
      addressPrefix: prefix,
      requestsPerMinuteMax: 100_000,
    });
    const serves = (base: string) =>
      fetch(`${base}/health`).then(async (answer) => {
        await answer.body?.cancel();
        return answer.status === 200;
      }, () => false);
    const base = () => `http://${account.control.vms()[0]?.floatingIp}:8123`;
    try {
      await withKey(account);
      const id = await created(account);
      await eventually(() => statusOf(account, id) === "ACTIVE", "ACTIVE");
      await eventually(() => serves(base()), "the first engine");
      const before = base();
      await call(account, "GET", `${MACHINES}/${id}/hibernate?retain_ip=false`);
      await eventually(async () => !await serves(before), "silence");
      await eventually(() => statusOf(account, id) === "HIBERNATED", "HIBERNATED");
      await call(account, "GET", `${MACHINES}/${id}/hibernate-restore`);
      await eventually(() => serves(base()), "the second engine");
      assert.notEqual(base(), before);
      assert.equal(await serves(before), false);
      const answer = await fetch(`${base()}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model: "m",
          messages: [{ role: "user", content: "hi" }],
          max_tokens: 5,
        }),
      });
      const said = await answer.json();
      assert.ok(said.usage.completion_tokens > 0, JSON.stringify(said));
    } finally {
      await account.close();
    }
  },
});
