/** Tests of offers.ts and check.ts: requests and answers as documented, joined; tiers that cannot be are named. */
import assert from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import { hyperstackAccount, hyperstackTier } from "@/lib/kernel/fleet_file_hyperstack.ts";
import { openHyperstack } from "./hyperstack.ts";
import { canHibernate, isSpot } from "./offers.ts";

const { signal } = new AbortController();

const flavorOf = (name: string, over: Record<string, unknown> = {}) => ({
  ...{ id: 1, name, display_name: name, region_name: "CANADA-1", cpu: 28, ram: 180, disk: 100 },
  ...{ ephemeral: 750, gpu: "H100-80G-PCIe", gpu_count: 1, stock_available: true },
  ...{ created_at: "2024-01-01T00:00:00", labels: [{ id: 1, label: "x" }] },
  features: {
    network_optimised: false,
    no_hibernation: false,
    no_snapshot: false,
    local_storage_only: false,
  },
  ...over,
});
const groupOf = (...flavors: ReturnType<typeof flavorOf>[]) => ({
  ...{ gpu: flavors[0]?.gpu, region_name: flavors[0]?.region_name, flavors },
});

/** Answers each path with a body of the documented shape, and keeps what it was asked. */
function answering(bodies: Readonly<Record<string, unknown>>) {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    asked.push(`${request.method} ${pathname}${search} ${request.headers.get("api_key")}`);
    const body = bodies[pathname];
    if (body !== undefined) return Response.json(body);
    return Response.json({ status: false, message: "no", error_reason: "not_found" }, {
      status: 404,
    });
  });
  const provider = (tiers: Record<string, Record<string, unknown>> = {}) =>
    openHyperstack({
      account: hyperstackAccount.parse({
        base_url: `http://127.0.0.1:${server.addr.port}/v1`,
        environment: "prod",
        key_name: "ops",
      }),
      apiKey: "key",
      tiers: new Map(
        Object.entries(tiers).map(([name, tier]) => {
          const spec = { vllm: ["m"], engine_key_env: "ENGINE_KEY", ...tier };
          return [name, { ...hyperstackTier.parse(spec), engineKey: "e" }];
        }),
      ),
      clock: systemClock,
    });
  return { asked, provider, [Symbol.asyncDispose]: () => server.shutdown() };
}

const ok = (payload: Record<string, unknown>) => ({ status: true, message: "ok", ...payload });

Deno.test("offers() joins flavors, stocks and the bare pricebook by name, and leaves the unpriced unpriced", async () => {
  await using api = answering({
    "/v1/core/flavors": ok({
      data: [
        groupOf(
          flavorOf("n3-H100x2", { gpu_count: 2, ram: 360.5 }),
          flavorOf("n3-H100x1"),
          flavorOf("n3-H100x1-spot", { stock_available: false }),
        ),
        groupOf(flavorOf("n3-new", { gpu: "B200", features: {} })),
      ],
    }),
    "/v1/core/stocks": ok({
      stocks: [{
        region: "CANADA-1",
        "stock-type": "GPU",
        models: [{
          ...{ model: "H100-80G-PCIe", available: "12", planned_7_days: "0" },
          ...{ planned_30_days: "0", planned_100_days: "0" },
          configurations: { "1x": 12, "2x": 6, "4x": 3, "8x": 1, "10x": 1 },
        }],
      }],
    }),
    "/v1/pricebook": [
      {
        ...{ id: 1, name: "n3-H100x1", value: 2.5, original_value: 2.5 },
        ...{ discount_applied: false, start_time: null, end_time: null },
      },
      { id: 2, name: "n3-H100x2", value: "5.000000001" },
      { id: 3, name: "n3-H100x1-spot", value: 2 },
      { id: 4, name: "Public IP", value: 0.00672043 },
    ],
  });
  const provider = api.provider();
  const offers = await provider.offers?.("CANADA-1", signal) ?? assert.fail("it has none");
  assert.deepEqual(api.asked, [
    "GET /v1/core/flavors?region=CANADA-1 key",
    "GET /v1/core/stocks key",
    "GET /v1/pricebook key",
  ]);
  assert.deepEqual(
    offers.map((each) => [each.name, each.nanoUsdPerHour, each.isSpot, each.isInStock, each.free]),
    [
      ["n3-H100x1", 2_500_000_000n, false, true, 12],
      ["n3-H100x1-spot", 2_000_000_000n, true, false, 12],
      ["n3-H100x2", 5_000_000_001n, false, true, 6],
      ["n3-new", null, false, true, null],
    ],
  );
  assert.deepEqual(offers.map(({ canHibernate }) => canHibernate), [true, true, true, null]);
  assert.deepEqual(offers[2], {
    ...{ provider: "hyperstack", name: "n3-H100x2", region: "CANADA-1", gpu: "H100-80G-PCIe" },
    ...{ gpuCount: 2, cpus: 28, ramGb: 360.5, diskGb: 100, ephemeralGb: 750 },
    ...{ nanoUsdPerHour: 5_000_000_001n, isSpot: false, canHibernate: true, isInStock: true },
    free: 6,
  });
  await provider.close();
});

Deno.test("offers() throws rather than show half: an answer in another form is no list", async () => {
  await using api = answering({ "/v1/core/flavors": ok({ data: [{ gpu: "x" }] }) });
  const provider = api.provider();
  const listed = provider.offers?.(null, signal) ?? assert.fail("it has none");
  await assert.rejects(listed, /an answer we cannot read/);
  await provider.close();
});

Deno.test("canHibernate() believes the flavor first, then the provider's table, and else does not know", () => {
  const base = { gpu: "H100-80G-SXM5", gpu_count: 8, region_name: "US-1" };
  const cases: [Partial<Parameters<typeof canHibernate>[0]>, boolean | null][] = [
    [{ features: { no_hibernation: true } }, false],
    [{ features: { no_hibernation: false } }, true],
    [{ features: {} }, false],
    [{ features: null, region_name: "CANADA-1" }, null],
    [{ gpu: "RTX-A4000" }, false],
    [{ gpu: "", gpu_count: 0, region_name: "CANADA-1" }, false],
    [{ gpu: "H200-141G-SXM5", region_name: "US-1" }, null],
  ];
  for (const [over, expected] of cases) {
    assert.equal(canHibernate({ ...base, ...over }), expected, JSON.stringify(over));
  }
  assert.deepEqual(["n3-A100x1-spot", "n3-A100x1", "spot-n3"].map(isSpot), [true, false, false]);
});

Deno.test("check() names the tiers that are to hibernate on a flavor of the region that cannot", async () => {
  await using api = answering({
    "/v1/core/environments": ok({
      ...{ count: 1, page: 1, page_size: 100 },
      environments: [{ id: 1, name: "prod", region: "US-1", created_at: "x", features: {} }],
    }),
    "/v1/core/flavors": ok({
      data: [groupOf(
        flavorOf("n3-H100-SXM5x8", { features: { no_hibernation: true } }),
        flavorOf("n3-H100x1"),
      )],
    }),
  });
  const provider = api.provider({
    bad: { flavor: "n3-H100-SXM5x8" },
    stops: { flavor: "n3-H100-SXM5x8", rest: "stop" },
    good: { flavor: "n3-H100x1" },
    unlisted: { flavor: "n3-secret" },
  });
  const problems = await provider.check?.(signal) ?? assert.fail("it has none");
  assert.deepEqual(problems.map(({ tier, field, value }) => [tier, field, value]), [
    ["bad", "hyperstack.flavor", "n3-H100-SXM5x8"],
  ]);
  assert.match(problems[0]?.remedy ?? "", /rest: stop/);
  assert.deepEqual(api.asked, [
    "GET /v1/core/environments?page=1&pageSize=100 key",
    "GET /v1/core/flavors?region=US-1 key",
  ]);
  await provider.close();
});
