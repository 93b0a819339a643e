/** What becomes of a request whose machine fails: before the first content another takes over, after it the client is told. */
import assert from "node:assert/strict";
import { until } from "@/tests/e2e/support.ts";
import { startTestGateway, type TestGateway, type UsageRow } from "./support.ts";

const CHAT = "/v1/chat/completions";
const LIMITS = "limits: { first_token: 1200ms, stall: 1200ms, total: 60s }";
const TOKENS = 8;

const body = (more: Record<string, unknown> = {}) => ({
  model: "m",
  messages: [{ role: "user", content: "Hello" }],
  max_tokens: TOKENS,
  ignore_eos: true,
  ...more,
});

type Outcome = { response: Response; text: string; events: string[]; row: UsageRow };

async function ask(gateway: TestGateway, request: unknown): Promise<Outcome> {
  const response = await gateway.post(CHAT, request);
  const text = await response.text();
  const row = await gateway.row(response.headers.get("x-request-id") ?? "");
  const events = text.split("\n\n").filter((event) => event !== "");
  return { response, text, events, row };
}

const tell = (row: UsageRow) => [row.tier, row.attempts, row.status, row.ended, row.error_code];

Deno.test("a request survives a machine that fails before its first content", async (t) => {
  await using gateway = await startTestGateway({
    tiers: { a: { engine: {}, extra: LIMITS }, b: { engine: {}, extra: LIMITS } },
    gateway: "{ attempts: 2 }",
  });
  const faults = [
    "status:code=500",
    "status:code=503",
    "status:code=429,retry-after=9",
    "status:code=401",
    "status:code=404",
    "reset",
    "refuse:ms=100",
    "cut:after=0",
    "cut:after=0,how=reset",
    "no-finish:after=0",
    "malformed:after=0",
    "error-event:after=0",
    "abort:after=0",
    "silence",
  ];
  const kinds = [
    ["whole", body()],
    ["stream", body({ stream: true })],
    ["stream with usage", body({ stream: true, stream_options: { include_usage: true } })],
  ] as const;
  for (const fault of faults) {
    for (const [kind, request] of kinds) {
      if (fault === "silence" && kind !== "stream") continue; // it takes a second each
      await t.step(`${fault}, ${kind}`, async () => {
        gateway.fail("a", fault);
        const before = gateway.engine("b").stats().requests;
        const { response, row, text } = await ask(gateway, request);
        assert.deepEqual([response.status, response.headers.get("x-emberlane-tier")], [200, "b"]);
        assert.deepEqual(tell(row), ["b", 2, 200, "complete", null]);
        assert.equal(row.machine_id, response.headers.get("x-emberlane-machine"));
        assert.deepEqual([row.completion_tokens, row.tokens_from], [TOKENS, "engine"]);
        assert.equal(gateway.engine("b").stats().requests, before + 1);
        if (kind !== "whole") assert.equal(text.split("[DONE]").length, 2, text);
        assert.doesNotMatch(text, /"error"/);
      });
    }
  }
  await t.step("slow first token behind headers that came at once", async () => {
    gateway.fail("a", "slow-first-token:ms=30000");
    const { row } = await ask(gateway, body({ stream: true }));
    assert.deepEqual(tell(row), ["b", 2, 200, "complete", null]);
  });
  await t.step("when every machine fails, the last failure is told once", async () => {
    gateway.fail("a", "status:code=500");
    gateway.fail("b", "status:code=500,message=CUDA error at /opt/vllm/worker.py");
    const { response, row, text } = await ask(gateway, body({ stream: true }));
    assert.deepEqual([response.status, JSON.parse(text).error.code], [502, "upstream_error"]);
    assert.doesNotMatch(text, /opt\/vllm/);
    assert.deepEqual(tell(row), ["b", 2, 502, "upstream_failed", "upstream_error"]);
    assert.deepEqual([row.completion_tokens, row.cost_nano_usd], [0, "0"]);
  });
  await t.step("when every machine is overloaded, the client hears when to come back", async () => {
    for (const tier of ["a", "b"]) gateway.fail(tier, "status:code=429,retry-after=7");
    const { response, row } = await ask(gateway, body());
    assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "7"]);
    assert.deepEqual(tell(row), ["b", 2, 503, "upstream_failed", "no_upstream"]);
  });
  await t.step("a refusal of the request itself is passed on and not tried elsewhere", async () => {
    gateway.fail("b", "");
    for (const [code, error] of [[400, "invalid_request"], [422, "unprocessable"]] as const) {
      gateway.fail("a", `status:code=${code},message=bad thing`);
      const before = gateway.engine("b").stats().requests;
      const { response, row, text } = await ask(gateway, body());
      assert.deepEqual([response.status, JSON.parse(text).error.message], [code, "bad thing"]);
      assert.deepEqual(tell(row), ["a", 1, code, "refused", error]);
      assert.equal(gateway.engine("b").stats().requests, before);
    }
    gateway.fail("a", "");
    const { response, text } = await ask(gateway, body({ max_tokens: 100_000 }));
    assert.deepEqual(
      [response.status, JSON.parse(text).error.code],
      [400, "context_length_exceeded"],
    );
  });
  await t.step("the client's own fault header stays outside", async () => {
    const response = await gateway.post(CHAT, body(), { "x-sim-fault": "status:code=500" });
    await response.body?.cancel();
    assert.deepEqual([response.status, response.headers.get("x-emberlane-tier")], [200, "a"]);
  });
  await t.step("every row was closed once", () => assertClosedOnce(gateway));
});

Deno.test("a client is told of a machine that fails after its first content", async (t) => {
  await using gateway = await startTestGateway({
    tiers: { a: { engine: {}, extra: LIMITS }, b: { engine: {}, extra: LIMITS } },
  });
  const cases = [
    ["cut:after=3", "upstream_failed", "upstream_error"],
    ["cut:after=3,how=reset", "upstream_failed", "upstream_error"],
    ["stall:after=3", "stalled", "upstream_timeout"],
    ["no-finish:after=3", "truncated", "upstream_error"],
    ["malformed:after=3", "upstream_failed", "upstream_error"],
    ["error-event:after=3", "upstream_failed", "upstream_error"],
    ["abort:after=3", "upstream_failed", "upstream_error"],
  ] as const;
  for (const [fault, ended, code] of cases) {
    await t.step(fault, async () => {
      gateway.fail("a", fault);
      const before = gateway.engine("b").stats().requests;
      const { response, events, text, row } = await ask(gateway, body({ stream: true }));
      assert.equal(response.status, 200);
      const errors = events.filter((event) => event.startsWith('data: {"error"'));
      assert.equal(errors.length, 1, text);
      assert.equal(events.at(-1), errors[0], "the error is the last event");
      assert.equal(JSON.parse(errors[0]?.slice(6) ?? "").error.code, code);
      assert.doesNotMatch(text, /\[DONE\]|"finish_reason":"/);
      assert.deepEqual(tell(row), ["a", 1, code === "upstream_timeout" ? 504 : 502, ended, code]);
      assert.equal(row.machine_id, response.headers.get("x-emberlane-machine"));
      assert.equal(row.tokens_from, "running");
      const most = fault === "malformed:after=3" ? 4 : 3;
      assert.ok(row.completion_tokens >= 1 && row.completion_tokens <= most, text);
      assert.ok(BigInt(row.cost_nano_usd) > 0n, "what was generated is charged");
      assert.equal(gateway.engine("b").stats().requests, before, "nothing is begun anew");
    });
  }
  await t.step("a missing end marker is no failure, and is added", async () => {
    gateway.fail("a", "no-done");
    const { text, row } = await ask(gateway, body({ stream: true }));
    assert.ok(text.endsWith("data: [DONE]\n\n"), text);
    assert.deepEqual(tell(row), ["a", 1, 200, "complete", null]);
  });
  await t.step("typed events: the error event is the last, in the surface's own form", async () => {
    gateway.fail("a", "cut:after=3");
    for (
      const [path, more] of [["/v1/responses", { input: "Hello" }], ["/v1/messages", {}]] as const
    ) {
      const response = await gateway.post(path, body({ stream: true, ...more }));
      const text = await response.text();
      const last = text.trimEnd().split("\n\n").at(-1) ?? "";
      assert.match(last, /^event: error\ndata: \{/, text);
      const row = await gateway.row(response.headers.get("x-request-id") ?? "");
      assert.deepEqual([row.ended, row.tokens_from], ["upstream_failed", "chunks"], path);
    }
  });
  await t.step("every row was closed once", () => assertClosedOnce(gateway));
});

async function assertClosedOnce(gateway: TestGateway): Promise<void> {
  await until("every row is closed", async () => {
    const open = await gateway.sql`select id from usage where closed_at is null`;
    return open.length === 0;
  });
  const twice = gateway.lines().filter((line) => line.event === "usage_row_closed_before");
  assert.deepEqual(twice, []);
}
