/** The budget gate of a running gateway: it closes when bills stop or the day's money is spent, and opens by itself. */
import assert from "node:assert/strict";
import { SLOW } from "@/sim/with_engine.ts";
import { ENVIRONMENT, KEY_NAME, MODEL } from "./fleet.ts";
import { type Lane, openLane } from "./lane.ts";
import { DAY_MS, MINUTE_MS } from "./plan.ts";

const STEP_MS = 10_000;
const STALE_AFTER_MS = 5 * MINUTE_MS;
/** A bill a minute, and a memory of it that is read again every few seconds. */
const SEEN_WITHIN_MS = MINUTE_MS + STEP_MS;
const LINUX_ONLY = Deno.build.os !== "linux";

const fleet = (account: string) => (apiUrl: string) => `
providers:
  hyperstack:
    base_url: "${apiUrl}"
    environment: ${ENVIRONMENT}
    key_name: ${KEY_NAME}
    image: "Ubuntu Server 24.04 LTS R570 CUDA 12.8 with Docker"
    requests_per_minute: 500
    ${account}
billing: { stale_after: 5m }
models: [{ id: ${MODEL}, name: M, vendor: V, kind: chat, context_tokens: 8192, prices: { standard: { input: "1", output: "2" } } }]
lineup:
  - name: h100
    provider: hyperstack
    band: standard
    serves: { ${MODEL}: org/model }
    idle: 10m
    wake: { power: 8m, load: 10m, stop: 10m, reask: 60s, sick: 30s }
    hyperstack:
      flavor: n3-H100x1
      engine_key_env: ENGINE_KEY
      vllm: [org/model, --served-model-name, org/model]`;

async function probe(lane: Lane): Promise<{ status: number; code: string; retryAfterS: number }> {
  const response = await lane.ask();
  const body = await response.json();
  return {
    status: response.status,
    code: String(body.error?.code ?? ""),
    retryAfterS: Number(response.headers.get("retry-after")),
  };
}

/** Sends one request and lets time pass until it is answered: the machine is up then. */
async function warm(lane: Lane): Promise<void> {
  let isAnswered = false;
  const first = lane.ask().then(async (response) => {
    assert.equal(response.status, 200, await response.text());
    isAnswered = true;
  });
  assert.notEqual(
    await lane.pass(10 * MINUTE_MS, STEP_MS, () => isAnswered),
    null,
    "no first answer",
  );
  await first;
}

const gateMetric = async ({ gateway }: Lane) =>
  /emberlane_budget_gate_closed\{provider="hyperstack"\} (\d)/
    .exec(await (await fetch(`${gateway.url}/metrics`)).text())?.[1];

Deno.test({
  name:
    "bills stop: the gate closes within its limit, a running stream goes on to its end, and it opens by itself",
  ignore: LINUX_ONLY,
  async fn() {
    await using lane = await openLane(fleet(""), { latency: SLOW });
    await warm(lane);
    await lane.pass(MINUTE_MS, STEP_MS);
    let chunks = 0;
    let text = "";
    const stream = lane.ask({ stream: true, max_tokens: 400, ignore_eos: true }).then(
      async ({ body }) => {
        const decoder = new TextDecoder();
        for await (const bytes of body ?? []) {
          chunks += 1;
          text += decoder.decode(bytes, { stream: true });
        }
      },
    );
    const failures = 9;
    lane.hyperstack.control.fault("usage", "server_error", { times: failures });
    const stoppedMs = lane.now();

    let said = await probe(lane);
    assert.equal(said.status, 200, "still open");
    const closedAfterMs = await lane.pass(10 * MINUTE_MS, STEP_MS, async () => {
      said = await probe(lane);
      return said.status !== 200;
    });
    assert.deepEqual([said.status, said.code], [503, "billing_unobservable"]);
    assert.ok(said.retryAfterS > 0);
    assert.ok(
      closedAfterMs !== null && closedAfterMs <= STALE_AFTER_MS + SEEN_WITHIN_MS,
      `closed ${closedAfterMs} ms after the last bill`,
    );
    assert.equal(await gateMetric(lane), "1");
    assert.match(
      lane.gateway.log(),
      /"budget_gate\.closed".*"because":"the bill of hyperstack was last read/,
    );
    const chunksThen = chunks;
    assert.ok(
      !text.includes("[DONE]"),
      "the stream has to run on behind a closed gate to show anything",
    );

    const openedAfterMs = await lane.pass(10 * MINUTE_MS, STEP_MS, async () => {
      said = await probe(lane);
      return said.status === 200;
    });
    assert.notEqual(openedAfterMs, null, `still closed: ${said.status} ${said.code}`);
    assert.ok(lane.now() - stoppedMs <= failures * MINUTE_MS + 2 * SEEN_WITHIN_MS);
    assert.equal(await gateMetric(lane), "0");
    await stream;
    assert.ok(chunks > chunksThen && text.trimEnd().endsWith("data: [DONE]"), "the stream was cut");
    assert.match(text, /"finish_reason":"length"/);
  },
});

Deno.test({
  name: "the day's money is spent: 429 until midnight, machines rest, and then it opens by itself",
  ignore: LINUX_ONLY,
  async fn() {
    await using lane = await openLane(fleet(`spend_per_day: "0.30"`), {});
    await warm(lane);
    let said = await probe(lane);
    const spentAfterMs = await lane.pass(30 * MINUTE_MS, MINUTE_MS, async () => {
      said = await probe(lane);
      return said.status !== 200;
    });
    assert.deepEqual([said.status, said.code], [429, "insufficient_quota"]);
    // 2.5067 dollars an hour are 0.30 in a little over seven minutes.
    assert.ok(spentAfterMs !== null && spentAfterMs <= 10 * MINUTE_MS, `after ${spentAfterMs} ms`);
    const rested = await lane.pass(
      30 * MINUTE_MS,
      MINUTE_MS,
      () => lane.hyperstack.control.vms().every(({ status }) => status === "HIBERNATED"),
    );
    assert.notEqual(rested, null, "a machine that nobody may ask for does not rest");
    assert.equal((await probe(lane)).status, 429);

    const leftMs = DAY_MS - lane.now() % DAY_MS;
    await lane.pass(leftMs - 2 * MINUTE_MS, leftMs - 2 * MINUTE_MS);
    await lane.pass(4 * MINUTE_MS, MINUTE_MS);
    await warm(lane);
  },
});
