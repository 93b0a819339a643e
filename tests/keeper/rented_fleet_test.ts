/** Hyperstack's provider and the keeper, on the simulated account: what fails there, and what the keeper makes of it. */
import assert from "node:assert/strict";
import { millis, minutes, seconds } from "@/lib/kernel/clock.ts";
import { GPU, REGION, type RentedFleet, rentedFleet } from "./rented_fleet.ts";

/** Long enough for a rental or a restore, and for the engine. */
const LIFE = minutes(25);

async function reaches(fleet: RentedFleet, ...places: string[]): Promise<void> {
  const isThere = async () => places.includes(await fleet.place());
  const arrived = await fleet.pass(LIFE, isThere);
  assert.ok(arrived, `${places} was not reached: ${(await fleet.moves()).join(", ")}`);
}

/** Rented, served once, and hibernated. */
async function hibernated(fleet: RentedFleet): Promise<void> {
  await fleet.ask();
  await reaches(fleet, "ready");
  await reaches(fleet, "asleep");
}

Deno.test("a creation without stock fails the wake in the look that asked, and nothing is rented", async () => {
  await using fleet = await rentedFleet("idle: 60s");
  fleet.control.setStock(REGION, GPU, 0);
  await fleet.ask();
  assert.deepEqual(await fleet.moves(), ["creating create", "failed -"]);
  assert.match((await fleet.lastWake()).because ?? "", /\(capacity\)/);
  assert.deepEqual(fleet.living(), []);
  const again = await fleet.ask();
  assert.equal(again.kind, "unavailable");
  fleet.control.setStock(REGION, GPU, 4);
  await fleet.pass(minutes(3));
  assert.equal((await fleet.ask()).kind, "asked");
  await reaches(fleet, "ready");
  assert.equal(fleet.living().length, 1);
});

Deno.test("a restore without stock: refused, it fails the wake at once; taken back or broken, when its attempts are spent", async () => {
  for (const starvedRestore of ["refuse", "back", "ERROR"] as const) {
    await using fleet = await rentedFleet("idle: 60s", { starvedRestore });
    await hibernated(fleet);
    const before = (await fleet.moves()).length;
    fleet.control.setStock(REGION, GPU, 0);
    await fleet.ask();
    await fleet.pass(LIFE, async () => (await fleet.lastWake()).outcome !== null);
    assert.equal((await fleet.lastWake()).outcome, "failed", starvedRestore);
    const moves = (await fleet.moves()).slice(before);
    if (starvedRestore === "refuse") assert.deepEqual(moves, ["waking start", "failed -"]);
    else assert.equal(moves.filter((move) => move === "waking start").length, 2, moves.join(", "));

    // What broke was ended, and seen to be gone, before another is rented.
    fleet.control.setStock(REGION, GPU, 4);
    await fleet.pass(minutes(6));
    await fleet.ask();
    await reaches(fleet, "ready");
    assert.equal(fleet.living().length, 1);
    const replaced = fleet.control.vms().length === 2;
    assert.equal(replaced, starvedRestore === "ERROR", starvedRestore);
  }
});

Deno.test("a spot machine that is taken back leaves service within a minute, its tier is left alone, then one serves again", async () => {
  for (const becomes of ["gone", "ERROR", "SHUTOFF"] as const) {
    await using fleet = await rentedFleet("idle: 30m\n    limits: { total: 10m }");
    await fleet.ask();
    await reaches(fleet, "ready");
    await fleet.pass(seconds(7));
    const [vm] = fleet.living();
    assert.ok(vm !== undefined);
    fleet.control.preempt(vm.id, becomes);
    const left = await fleet.pass(minutes(1), async () => await fleet.place() !== "ready");
    assert.ok(left, `${becomes}: it is still ready`);
    assert.equal((await fleet.ask()).kind, "unavailable", becomes);
    await fleet.pass(minutes(10));
    assert.ok(["absent", "asleep"].includes(await fleet.place()), await fleet.place());
    await fleet.ask();
    await reaches(fleet, "ready");
    assert.equal(fleet.living().length, 1);
    assert.equal(fleet.living()[0]?.id === vm.id, becomes === "SHUTOFF", becomes);
  }
});

Deno.test("a spot machine that is shut off as it loads is brought to rest, not waited for and paid", async () => {
  await using fleet = await rentedFleet("idle: 60s\n    wake: { attempts: 1 }");
  await fleet.ask();
  await reaches(fleet, "loading");
  const [vm] = fleet.living();
  assert.ok(vm !== undefined);
  fleet.control.preempt(vm.id, "SHUTOFF");
  const left = await fleet.pass(seconds(20), async () => await fleet.place() === "stopping");
  assert.ok(left, await fleet.place());
  assert.equal((await fleet.lastWake()).outcome, "failed");
  await reaches(fleet, "asleep");
  assert.equal(fleet.living()[0]?.status, "HIBERNATED");
  await fleet.ask();
  await reaches(fleet, "ready");
});

Deno.test("a computer that breaks on every start is replaced three times, and then left alone until the day is over", async () => {
  await using fleet = await rentedFleet("idle: 60s");
  fleet.control.fault("create", "fails_later", { times: 1_000 });
  for (let asks = 0; asks < 12; asks++) {
    await fleet.ask();
    await fleet.pass(minutes(10));
  }
  assert.equal(fleet.control.vms().length, 4, "the first, and three that replaced it");
  assert.equal(await fleet.place(), "failed");
  const answer = await fleet.ask();
  assert.ok(answer.kind === "unavailable");
  assert.match(answer.because, /\(broken\)/);
  assert.equal(fleet.living()[0]?.status, "ERROR", "which is not billed");
});

Deno.test("a computer past its age is ended, seen to be gone, and rented anew only when it is wanted", async () => {
  await using fleet = await rentedFleet("idle: 60s\n    age_max: 40m");
  await hibernated(fleet);
  const [first] = fleet.living();
  const gone = await fleet.pass(minutes(60), async () => await fleet.place() === "absent");
  assert.ok(gone, await fleet.place());
  const ended = fleet.control.vms().find(({ id }) => id === first?.id);
  assert.equal(ended?.status, "DELETED");
  const livedMs = (ended?.terminatedMs ?? 0) - (ended?.createdMs ?? 0);
  assert.ok(livedMs >= minutes(40) && livedMs <= minutes(42), `it lived ${livedMs} ms`);
  await fleet.pass(minutes(5));
  assert.deepEqual(fleet.living(), []);
  await fleet.ask();
  await reaches(fleet, "ready");
});

Deno.test("no credit and a refused key leave the tier alone as well, a rate limit is waited out", async () => {
  await using fleet = await rentedFleet("idle: 60s");
  fleet.control.fault("create", "insufficient_credit");
  await fleet.ask();
  assert.match((await fleet.lastWake()).because ?? "", /\(insufficient-funds\)/);
  await fleet.pass(millis(minutes(5) + seconds(70)));
  fleet.control.fault("create", "rate_limited");
  await fleet.ask();
  assert.equal((await fleet.lastWake()).outcome, null, "it waits");
  await fleet.pass(seconds(58));
  assert.deepEqual(fleet.living(), []);
  await reaches(fleet, "ready");
});

Deno.test("a lost answer is resolved by looking: one machine, and the wake goes on", async () => {
  await using fleet = await rentedFleet("idle: 60s");
  fleet.control.fault("create", "lost");
  await fleet.ask();
  await reaches(fleet, "ready");
  await reaches(fleet, "asleep");
  fleet.control.fault("restore", "lost");
  await fleet.ask();
  await reaches(fleet, "ready");
  assert.equal(fleet.control.vms().length, 1);
});

Deno.test("a wake tells its steps apart: asked, power, address, port and health", async () => {
  await using fleet = await rentedFleet("idle: 60s");
  await hibernated(fleet);
  await fleet.ask();
  await reaches(fleet, "ready");
  const [wake] = await fleet.sql<Record<string, Date>[]>`
    select asked_at, power_asked_at, power_on_at, address_at, port_open_at, healthy_at
    from wakes where outcome = 'served' order by asked_at desc limit 1
  `;
  const [asked = 0, powerAsked = 0, power = 0, address = 0, port = 0, healthy = 0] = Object.values(
    wake ?? {},
  ).map(Number);
  assert.equal(powerAsked, asked);
  assert.ok(power - powerAsked >= 90_000, "a restore takes a minute and a half at least");
  assert.ok(address > power, "its address came after its power");
  assert.ok(port - address >= 100_000 && healthy >= port, "then its engine loads");
});
