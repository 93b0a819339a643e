/** Tests of the Hyperstack provider: each request as documented, each failure classed, nothing made or paid twice. */
import assert from "node:assert/strict";
import { instant, systemClock } from "@/lib/kernel/clock.ts";
import { hyperstackAccount, hyperstackTier } from "@/lib/kernel/fleet_file_hyperstack.ts";
import { parseFleet } from "@/lib/kernel/config.ts";
import { newId } from "@/lib/kernel/ids.ts";
import {
  type MachineRef,
  type Provider,
  ProviderError,
  type ProviderErrorKind,
} from "../provider.ts";
import { ownTurns } from "../turns.ts";
import { openClient } from "./client.ts";
import { API_KEY, type FakeHyperstack, fakeHyperstack } from "./fake_testing.ts";
import { openHyperstack } from "./hyperstack.ts";
import { machineName } from "./machine_name.ts";
import { z } from "zod";

const DEPLOYMENT = "dep_0123456789abcdef";
const signal = new AbortController().signal;

function refOf(externalId: string | null = null): MachineRef {
  const machineId = newId("mac", systemClock.now());
  return { machineId, deploymentId: DEPLOYMENT, tier: "h100", slot: 0, externalId };
}

function open(api: FakeHyperstack, tier: Record<string, unknown> = {}): Provider {
  const account = hyperstackAccount.parse({
    ...{ base_url: api.url, environment: "default-CANADA-1", key_name: "ops" },
  });
  const spec = hyperstackTier.parse({
    ...{ flavor: "n3-H100x1", vllm: ["Qwen/Qwen3-8B"], engine_key_env: "ENGINE_KEY", ...tier },
  });
  return openHyperstack({
    ...{ account, apiKey: API_KEY, clock: systemClock },
    tiers: new Map([["h100", { ...spec, engineKey: "engine-secret" }]]),
  });
}

const kindOf = async (work: Promise<unknown>): Promise<ProviderErrorKind | "none"> => {
  try {
    await work;
    return "none";
  } catch (error) {
    assert.ok(error instanceof ProviderError, String(error));
    assert.doesNotMatch(error.message, new RegExp(API_KEY), "the key stands in an error");
    return error.kind;
  }
};

Deno.test("create() asks as documented: one machine of a unique name, an address, one open port, our labels, cloud-init", async () => {
  await using api = fakeHyperstack();
  const provider = open(api, { port: 9_000, allow_from: "203.0.113.7/32" });
  const ref = refOf();
  const ids: string[] = [];
  await provider.create(ref, { generation: 1 }, (id) => Promise.resolve(void ids.push(id)), signal);
  assert.deepEqual(ids, ["1001"]);
  const [look, free, made] = api.asked;
  assert.match(free?.path ?? "", /\/name-availability\/ember-/);
  assert.deepEqual([look?.method, look?.path, look?.query["page"]], [
    "GET",
    "/core/virtual-machines",
    "1",
  ]);
  assert.deepEqual([made?.method, made?.path], ["POST", "/core/virtual-machines"]);
  assert.equal(made?.headers.get("api_key"), API_KEY);
  assert.match(made?.headers.get("user-agent") ?? "", /^emberlane\//);
  const { user_data, ...body } = made?.body as Record<string, unknown> & { user_data: string };
  assert.deepEqual(body, {
    name: machineName(DEPLOYMENT, ref.machineId),
    environment_name: "default-CANADA-1",
    image_name: "Ubuntu Server 24.04 LTS R570 CUDA 12.8",
    flavor_name: "n3-H100x1",
    key_name: "ops",
    count: 1,
    assign_floating_ip: true,
    enable_port_randomization: false,
    security_rules: [{
      ...{ direction: "ingress", ethertype: "IPv4", protocol: "tcp" },
      ...{ remote_ip_prefix: "203.0.113.7/32", port_range_min: 9_000, port_range_max: 9_000 },
    }],
    labels: ["emberlane", DEPLOYMENT, ref.machineId, "h100"],
  });
  assert.match(user_data, /^#cloud-config\n/);
});

Deno.test("a machine's life: created, on once it has an address, hibernated, restored elsewhere, destroyed, gone", async () => {
  await using api = fakeHyperstack();
  const provider = open(api);
  const bare = refOf();
  let id = "";
  await provider.create(
    bare,
    { generation: 1 },
    (known) => Promise.resolve(void (id = known)),
    signal,
  );
  const ref = { ...bare, externalId: id };
  const look = async () => {
    const { power, baseUrl } = await provider.status(ref, signal);
    return [power, baseUrl];
  };
  assert.deepEqual(await look(), ["rising", null]);
  api.settle();
  assert.deepEqual(await look(), ["on", "http://127.0.9.10:8000"]);
  await provider.start(ref, { generation: 2 }, signal); // on already: nothing is sent
  await provider.stop(ref, { generation: 3 }, signal);
  const hibernate = api.asked.at(-1);
  assert.deepEqual(
    [hibernate?.method, hibernate?.path, hibernate?.query],
    ["GET", `/core/virtual-machines/${id}/hibernate`, { retain_ip: "false" }],
  );
  assert.deepEqual(await look(), ["falling", null]);
  await provider.stop(ref, { generation: 4 }, signal); // falling already
  assert.equal(await kindOf(provider.start(ref, { generation: 5 }, signal)), "invalid-state");
  api.settle();
  assert.deepEqual(await look(), ["off", null]);
  await provider.start(ref, { generation: 6 }, signal);
  assert.equal(api.asked.at(-1)?.path, `/core/virtual-machines/${id}/hibernate-restore`);
  api.settle();
  assert.deepEqual(await look(), ["on", "http://127.0.9.11:8000"]);
  assert.deepEqual((await provider.list(DEPLOYMENT, signal)).map((one) => one.machineId), [
    ref.machineId,
  ]);
  assert.deepEqual(await provider.list("dep_fedcba9876543210", signal), []);
  await provider.destroy(ref, { generation: 7 }, signal);
  assert.equal(api.asked.at(-1)?.method, "DELETE");
  assert.deepEqual(await look(), ["gone", null]);
  await provider.destroy(ref, { generation: 8 }, signal); // gone already
});

Deno.test("a tier that stops instead is stopped and started, and keeps its address when it says so", async () => {
  await using api = fakeHyperstack();
  const provider = open(api, { rest: "stop" });
  const bare = refOf();
  let id = "";
  await provider.create(
    bare,
    { generation: 1 },
    (known) => Promise.resolve(void (id = known)),
    signal,
  );
  api.settle();
  const ref = { ...bare, externalId: id };
  await provider.stop(ref, { generation: 2 }, signal);
  assert.equal(api.asked.at(-1)?.path, `/core/virtual-machines/${id}/stop`);
  api.settle();
  await provider.start(ref, { generation: 3 }, signal);
  assert.equal(api.asked.at(-1)?.path, `/core/virtual-machines/${id}/start`);
});

Deno.test("a machine in ERROR is broken, not off: it is rebooted, and its age is told", async () => {
  await using api = fakeHyperstack();
  const provider = open(api);
  const bare = refOf();
  await provider.create(bare, { generation: 1 }, () => Promise.resolve(), signal);
  const vm = api.vms.get(1_001);
  assert.ok(vm !== undefined);
  vm.status = "ERROR";
  const ref = { ...bare, externalId: "1001" };
  const status = await provider.status(ref, signal);
  const rentedAt = Date.parse("2026-11-21T00:00:00Z");
  assert.deepEqual(status, {
    ...{ power: "broken", rawState: "ERROR", externalId: "1001", baseUrl: null, rentedAt },
  });
  await provider.stop(ref, { generation: 2 }, signal);
  assert.equal(api.asked.at(-1)?.method, "GET", "nothing runs, so nothing is stopped");
  assert.equal(api.asked.at(-1)?.path, "/core/virtual-machines/1001");
  api.faults.push({ on: /hard-reboot$/, status: 200, body: { status: true, message: "ok" } });
  await provider.start(ref, { generation: 3 }, signal);
  assert.equal(api.asked.at(-1)?.path, "/core/virtual-machines/1001/hard-reboot");
});

Deno.test("a machine that runs without an address is active, and not yet on", async () => {
  await using api = fakeHyperstack();
  const provider = open(api);
  const bare = refOf();
  await provider.create(bare, { generation: 1 }, () => Promise.resolve(), signal);
  const vm = api.vms.get(1_001);
  assert.ok(vm !== undefined);
  vm.status = "ACTIVE";
  const { power, isActive, baseUrl } = await provider.status(bare, signal);
  assert.deepEqual([power, isActive, baseUrl], ["rising", true, null]);
});

Deno.test("an answer that is lost is resolved by looking: nothing is made or started twice", async () => {
  await using api = fakeHyperstack();
  const provider = open(api);
  const bare = refOf();
  const ids: string[] = [];
  const keep = (id: string) => Promise.resolve(void ids.push(id));
  api.faults.push({ on: /^POST/, lost: true });
  await provider.create(bare, { generation: 1 }, keep, signal);
  // Killed after the machine was made and before its id was kept: asked again, it is found.
  await provider.create(bare, { generation: 2 }, keep, signal);
  assert.deepEqual(ids, ["1001", "1001"]);
  assert.equal(api.vms.size, 1);
  assert.equal(api.asked.filter(({ method }) => method === "POST").length, 1);
  api.settle();
  const ref = { ...bare, externalId: "1001" };
  for (
    const [operation, action] of [["stop", "hibernate"], ["start", "hibernate-restore"]] as const
  ) {
    api.faults.push({ on: new RegExp(`/${action}$`), lost: true });
    await provider[operation](ref, { generation: 3 }, signal);
    assert.equal(api.asked.filter(({ path }) => path.endsWith(`/${action}`)).length, 1, action);
    api.settle();
  }
  // An act that was not carried out, and whose answer was lost, stays in doubt: the keeper asks again after a look.
  api.faults.push({ on: /hibernate$/, status: 500, body: { message: "Internal Server Error" } });
  assert.equal(await kindOf(provider.stop(ref, { generation: 5 }, signal)), "ambiguous-write");
});

Deno.test("every failure has its class", async () => {
  await using api = fakeHyperstack();
  const bare = refOf();
  // A provider of its own for each: after a 429 it calls nobody for a minute.
  let provider = open(api);
  const create = () =>
    kindOf(provider.create(bare, { generation: 1 }, () => Promise.resolve(), signal));
  const status = () => kindOf(provider.status({ ...bare, externalId: "1" }, signal));
  const no = (message: string) => ({ status: false, message, error_reason: "bad_request" });
  const cases: [() => Promise<string>, number, unknown, string][] = [
    [status, 401, no("Unauthorized"), "auth"],
    [status, 429, no("Too many requests"), "rate-limited"],
    [status, 500, { message: "Internal Server Error" }, "unavailable"],
    [status, 503, no("down"), "unavailable"],
    [create, 402, no("Insufficient balance"), "insufficient-funds"],
    [create, 400, no("Insufficient credit to create"), "insufficient-funds"],
    [create, 400, no("Flavor n3-H100x1 is out of stock"), "capacity"],
    [create, 409, no("Name already exists"), "conflict"],
    [create, 400, no("Field flavor_name is unknown"), "invalid-request"],
    [create, 500, { message: "Internal Server Error" }, "ambiguous-write"],
  ];
  for (const [call, code, body, expected] of cases) {
    provider = open(api);
    api.faults.push({ on: call === status ? /^GET/ : /^POST/, status: code, body });
    assert.equal(await call(), expected, `${code} ${JSON.stringify(body)}`);
  }
  assert.equal(api.faults.length, 0);
  api.faults.push({ on: /^GET/, raw: "<html>" });
  assert.equal(await status(), "malformed-response");
  api.faults.push({ on: /^GET/, raw: '{"status":true,"instance":{"id":1}}' });
  assert.equal(await status(), "malformed-response");
  assert.equal((await provider.status({ ...bare, externalId: "1" }, signal)).power, "gone");
  assert.equal(api.vms.size, 0);
});

Deno.test("list() answers everything or throws: pages that do not add up are no list", async () => {
  await using api = fakeHyperstack();
  const provider = open(api);
  for (let i = 0; i < 205; i++) {
    const name = i === 0
      ? "somebody-else"
      : machineName(DEPLOYMENT, newId("mac", systemClock.now()));
    api.vms.set(i, {
      id: i,
      name,
      status: "ACTIVE",
      floating_ip: null,
      created_at: "2026-11-21T00:00:00",
    });
  }
  assert.equal((await provider.list(DEPLOYMENT, signal)).length, 204);
  const short = { status: true, count: 205, instances: [] };
  for (let i = 0; i < 3; i++) api.faults.push({ on: /^GET/, status: 200, body: short });
  assert.equal(await kindOf(provider.list(DEPLOYMENT, signal)), "unavailable");
});

Deno.test("the account's limit is kept before the provider keeps it", async () => {
  await using api = fakeHyperstack();
  const client = openClient({
    baseUrl: api.url,
    apiKey: API_KEY,
    turns: ownTurns("hyperstack", 8, systemClock),
    clock: systemClock,
  });
  const call = () =>
    client.call({
      ...{
        operation: "x",
        kind: "read" as const,
        method: "GET" as const,
        path: "/core/virtual-machines",
      },
      answer: z.unknown(),
    }, signal);
  await call();
  await call();
  assert.equal(await kindOf(call()), "rate-limited");
  assert.equal(api.asked.length, 2);
});

Deno.test("billing: everything in one call, deleted machines too, money exact to the nano-dollar", async () => {
  await using api = fakeHyperstack();
  const { billing } = open(api);
  const { machineId } = refOf();
  const name = machineName(DEPLOYMENT, machineId);
  api.usage = [
    {
      ...{ resource_id: 7, resource_type: "vm", name, bill_per_minute: 0.041666666666 },
      ...{
        total_bill: 1.1,
        active: true,
        create_time: "2026-11-20T10:00:00",
        terminate_time: null,
      },
    },
    {
      ...{
        resource_id: "v-1",
        resource_type: "volume",
        name: `${name}-root`,
        bill_per_minute: 1e-7,
      },
      ...{ total_bill: "0.000000000500", active: false, create_time: null },
      ...{ terminate_time: "2026-11-20T11:00:00Z" },
    },
    { resource_id: 9, resource_type: "snapshot", name: null, total_bill: 3 },
  ];
  const { resources, raw } = await billing?.usage(signal) ?? assert.fail();
  assert.deepEqual(api.asked[0]?.query, { deleted: "true" });
  assert.deepEqual(
    resources.map((
      one,
    ) => [one.resourceId, one.kind, one.machineId, one.nanoUsdPerMinute, one.totalNanoUsd]),
    [
      ["7", "machine", machineId, 41_666_667n, 1_100_000_000n],
      ["v-1", "volume", machineId, 100n, 1n],
      ["9", "snapshot", null, 0n, 3_000_000_000n],
    ],
  );
  assert.equal(resources[0]?.createdAt, Date.parse("2026-11-20T10:00:00Z"));
  assert.equal(resources[1]?.terminatedAt, Date.parse("2026-11-20T11:00:00Z"));
  assert.deepEqual((raw as { data: unknown[] }).data.length, 3);
  assert.equal(await billing?.lastDayCost(signal), 12_345_678_901n);
  assert.deepEqual(await billing?.credit(signal), {
    creditNanoUsd: 99_500_000_000n,
    canCreate: true,
  });
  const history = {
    metrics: { incurred_bill: 0.5, usage_time_ACTIVE: 10, usage_time_HIBERNATED: 50 },
  };
  api.faults.push({
    on: /history/,
    status: 200,
    body: { status: true, message: "", billing_history_vm: history },
  });
  const [from, to] = [
    instant(Date.parse("2026-11-20T00:00:00Z")),
    instant(Date.parse("2026-11-21T00:00:00Z")),
  ];
  assert.deepEqual(await billing?.machineHistory("7", from, to, signal), {
    ...{ billedNanoUsd: 500_000_000n, activeMinutes: 10, hibernatedMinutes: 50, offMinutes: null },
  });
  assert.deepEqual(api.asked.at(-1)?.query, {
    ...{ start_date: "2026-11-20T00:00:00", end_date: "2026-11-21T00:00:00" },
  });
});

Deno.test("the example lineups are valid", async () => {
  for (const name of ["fleet.hyperstack.yaml", "fleet.hyperstack-simulated.yaml"]) {
    const file = new URL(`../../../examples/${name}`, import.meta.url);
    const fleet = parseFleet(await Deno.readTextFile(file));
    assert.deepEqual(fleet.lineup.map(({ hyperstack }) => hyperstack?.flavor), [
      "n3-A100x1-spot",
      "n3-H100x1",
    ]);
  }
});

Deno.test("a 404 that is not the provider's own is no machine that is gone", async () => {
  await using api = fakeHyperstack();
  const provider = open(api);
  const ref = refOf("1001");
  api.faults.push({ on: /^GET/, status: 404, body: "<html>not here</html>" });
  assert.equal(await kindOf(provider.status(ref, signal)), "unavailable");
  assert.equal((await provider.status(ref, signal)).power, "gone");
});

Deno.test("a machine a search misses is found by its taken name, and not rented again", async () => {
  await using api = fakeHyperstack();
  const provider = open(api);
  const ref = refOf();
  const ids: string[] = [];
  const keep = (id: string) => Promise.resolve(void ids.push(id));
  await provider.create(ref, { generation: 1 }, keep, signal);
  api.faults.push({ on: /^GET/, status: 200, body: { status: true, count: 0, instances: [] } });
  await provider.create(ref, { generation: 2 }, keep, signal);
  assert.deepEqual(ids, ["1001", "1001"]);
  assert.equal(api.vms.size, 1);
});

Deno.test("a machine that is shut off where it should hibernate is billed in full: it is started, then hibernated", async () => {
  await using api = fakeHyperstack();
  const provider = open(api);
  const bare = refOf();
  await provider.create(bare, { generation: 1 }, () => Promise.resolve(), signal);
  const ref = { ...bare, externalId: "1001" };
  api.settle();
  const [vm] = [...api.vms.values()];
  if (vm !== undefined) vm.status = "SHUTOFF";
  const status = await provider.status(ref, signal);
  assert.deepEqual([status.power, status.baseUrl, status.rawState], ["on", null, "SHUTOFF"]);
  await provider.stop(ref, { generation: 2 }, signal);
  assert.match(api.asked.at(-1)?.path ?? "", /\/start$/);
  api.settle();
  await provider.stop(ref, { generation: 3 }, signal);
  assert.match(api.asked.at(-1)?.path ?? "", /\/hibernate$/);
});
