import assert from "node:assert/strict";
import { costOfUsage, parseUsd } from "@/lib/kernel/money.ts";
import {
  readableUsd,
  savedPercent,
  WORKLOAD_FIELDS,
  workloadCost,
  workloadOf,
  workloadSearch,
} from "./price_workload.ts";

const usd = (text: string) => parseUsd(text) ?? 0n;
const RATE = { inputNanoUsd: usd("0.10"), outputNanoUsd: usd("0.40") };
const MODELS = [{ id: "a" }, { id: "b" }];
const read = (text: string) => workloadOf(new URLSearchParams(text), MODELS);

Deno.test("workloadCost() is the ledger's price of one request, times the requests", () => {
  const workload = {
    model: "a",
    requestsPerDay: 2_000,
    promptTokens: 1_500,
    completionTokens: 400,
  };
  const cost = workloadCost(workload, RATE);
  assert.equal(cost.perRequestNanoUsd, costOfUsage(workload, RATE));
  assert.equal(cost.perRequestNanoUsd, usd("0.00031"));
  assert.equal(cost.perDayNanoUsd, usd("0.62"));
  assert.equal(cost.perMonthNanoUsd, usd("18.60"));
});

Deno.test("workloadCost() is exact where numbers are not", () => {
  const { requestsPerDay, promptTokens, completionTokens } = WORKLOAD_FIELDS;
  const most = {
    model: "a",
    requestsPerDay: requestsPerDay.most,
    promptTokens: promptTokens.most,
    completionTokens: completionTokens.most,
  };
  const cost = workloadCost(most, { inputNanoUsd: 1n, outputNanoUsd: 999_999_999n });
  assert.equal(cost.perMonthNanoUsd, 1_000_000_000n * 10_000_000n * 30n);
});

Deno.test("workloadOf() reads any query: what is no number is the example's, what is too large the largest", () => {
  assert.deepEqual(read("model=b&requests=7&prompt=0&completion=12"), {
    model: "b",
    requestsPerDay: 7,
    promptTokens: 0,
    completionTokens: 12,
  });
  assert.equal(read("").model, "a");
  assert.equal(read("model=%00").model, "a");
  for (const bad of ["-1", "1e9", "0x10", "NaN", "1.5", "", "9".repeat(40)]) {
    assert.deepEqual(read(`requests=${bad}`), read(""), bad);
  }
  assert.equal(read("requests=999999999999").requestsPerDay, WORKLOAD_FIELDS.requestsPerDay.most);
  assert.deepEqual(workloadOf(new URLSearchParams(), []).model, "");
});

Deno.test("workloadSearch() is read back as it was", () => {
  const workload = read("model=b&requests=7&prompt=8&completion=9");
  assert.deepEqual(read(workloadSearch(workload)), workload);
});

Deno.test("readableUsd() shows cents half up from one cent on, and every digit below", () => {
  assert.equal(readableUsd(usd("1234567.895")), "1,234,567.90");
  assert.equal(readableUsd(usd("0.01")), "0.01");
  assert.equal(readableUsd(usd("0.009999999")), "0.009999999");
  assert.equal(readableUsd(usd("999.994999999")), "999.99");
  assert.equal(readableUsd(0n), "0.00");
});

Deno.test("savedPercent() never says that dearer is cheaper", () => {
  assert.equal(savedPercent(50n, 100n), 50);
  assert.equal(savedPercent(1n, 3n), 66);
  assert.equal(savedPercent(3n, 3n), null);
  assert.equal(savedPercent(0n, 0n), null);
});
