/** Tests of economics_days.ts and economics_table.ts: what is not known is not 0. */
import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import type { WindowFigures } from "@/lib/ledger/figures_read.ts";
import { dayCostText, daysOf } from "./economics_days.ts";
import { cents, energyOf, tierShares } from "./economics_table.ts";

const DAY = 86_400_000;
const MIDNIGHT = Date.parse("2026-11-21T00:00:00Z");

function figures(over: Partial<WindowFigures> = {}, to = MIDNIGHT): WindowFigures {
  return {
    window: { from: instant(to - 30 * DAY), to: instant(to) },
    usage: { requests: 0, refused: 0, prompt_tokens: 0, completion_tokens: 0 },
    wakes: { served: 0, not_served: 0, p50_s: null, p95_s: null },
    timeouts: { waited: 0, timed_out: 0 },
    ...{ phases: [], machineTime: [], utilisation: [], energy: [], byDay: [], spend: [] },
    ...{ spendByDay: [], cost: [], costByDay: [], costByModel: [], gaps: [] },
    ...over,
  };
}
const money = { warm_up_usd: "0", storage_usd: "0", unknown_usd: "0" };

Deno.test("daysOf() names the thirty last days: whole ones at midnight, else with the one that is not over", () => {
  const names = (to: number) => daysOf(figures({}, to)).map(({ day }) => day);
  assert.deepEqual([names(MIDNIGHT)[0], names(MIDNIGHT).at(-1), names(MIDNIGHT).length], [
    "2026-10-22",
    "2026-11-20",
    30,
  ]);
  assert.deepEqual([names(MIDNIGHT + 60_000)[0], names(MIDNIGHT + 60_000).at(-1)], [
    "2026-10-23",
    "2026-11-21",
  ]);
});

Deno.test("daysOf() tells a day without a bill from one that cost nothing, and from one at whose edge bills are missing", () => {
  const days = daysOf(figures({
    spendByDay: ["18", "19", "20"].map((nr) => ({
      ...{ day: `2026-11-${nr}`, ...money, serving_usd: "1.5", idle_usd: "-0.25", usd: "1.25" },
      edge_unknown: nr === "19",
    })),
    costByDay: ["18", "19", "20"].map((nr) => ({
      ...{ day: `2026-11-${nr}`, usd: "1.25", tokens: 5, edge_unknown: nr === "19" },
      usd_per_mtok: nr === "18" ? "2.5" : null,
    })),
  }));
  assert.deepEqual(days.slice(-4).map(dayCostText), ["no bill", "$2.50", "unknown", "no token"]);
  assert.deepEqual(days.at(-1)?.money, { parts: [1.5, 0, -0.25, 0, 0], usd: 1.25 });
  assert.equal(days.at(-4)?.money, null);
});

Deno.test("cents() writes less than a cent as less than a cent", () => {
  assert.deepEqual([0, 0.004, -0.004, 0.005, -0.25, 12.345].map(cents), [
    ...["0.00", "<0.01", ">-0.01", "0.01", "-0.25", "12.35"],
  ]);
});

Deno.test("energyOf() sums what is declared and names the tiers of which nothing is", () => {
  const row = { day: "2026-11-20", powered_h: "1", tokens: 0, wh_per_mtok: null };
  assert.deepEqual(energyOf(figures({ energy: [] })), { kwh: null, undeclared: [] });
  assert.deepEqual(
    energyOf(figures({
      energy: [
        { ...row, tier: "a", watts: 700, kwh: "0.7" },
        { ...row, tier: "a", watts: 700, kwh: "0.05" },
        { ...row, tier: "b", watts: null, kwh: null },
      ],
    })),
    { kwh: 0.75, undeclared: ["b"] },
  );
});

Deno.test("tierShares() has the fleet last, and no share of a window in which a tier was off", () => {
  const share = (tier: string) => (
    { tier, powered_h: "2", utilisation: "0.25", idle_share: "0.5" }
  );
  const windows = [figures(), figures({ utilisation: [share(""), share("a")] })];
  assert.deepEqual(tierShares(windows).map(({ tier, utilisation }) => [tier, utilisation]), [
    ["a", [null, "25.0 %"]],
    ["The fleet", [null, "25.0 %"]],
  ]);
});
