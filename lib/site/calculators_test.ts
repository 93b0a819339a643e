/** Tests of crossover.ts and idle_cost.ts: worked by hand. */
import assert from "node:assert/strict";
import { crossover } from "./crossover.ts";
import { idleCost } from "./idle_cost.ts";

const near = (actual: number, expected: number) =>
  assert.ok(
    Math.abs(actual - expected) < 1e-9 * Math.max(1, expected),
    `${actual} is not ${expected}`,
  );

Deno.test("crossover() divides rent by busy tokens, and finds where the engineer is paid for", () => {
  // 1,000 tok/s busy half of the time is 1.8 million tokens an hour; at $3.60 an hour that is $2 a million.
  const result = crossover({
    ...{ mtokPerMonth: 900, usdPerMtok: 3, usdPerHour: 3.6, tokensPerSecond: 1_000 },
    ...{ idleShare: 0.5, engineerHours: 10, usdPerEngineerHour: 100 },
  });
  near(result.runUsdPerMtok, 2);
  near(result.buyUsd, 2_700);
  near(result.machineHours, 500);
  near(result.rentUsd, 1_800);
  near(result.runUsd, 2_800);
  near(result.crossoverMtok ?? 0, 1_000);
});

Deno.test("crossover() says never when a bought token is no dearer than the machine's own", () => {
  const result = crossover({
    ...{ mtokPerMonth: 1, usdPerMtok: 2, usdPerHour: 3.6, tokensPerSecond: 1_000 },
    ...{ idleShare: 0.5, engineerHours: 0, usdPerEngineerHour: 100 },
  });
  assert.equal(result.crossoverMtok, null);
});

Deno.test("idleCost() counts wake, work and idle time of each burst, and the disk between them", () => {
  const input = {
    ...{ usdPerHour: 2.5, asleepUsdPerHour: 0.02, burstsPerDay: 12 },
    ...{ busyMinutes: 5, wakeMinutes: 5, idleMinutes: 15 },
  };
  const result = idleCost(input);
  near(result.awakeHoursPerDay, 5);
  near(result.sleepingUsdPerMonth, 30 * (5 * 2.5 + 19 * 0.02));
  near(result.alwaysOnUsdPerMonth, 1_800);
  near(result.busyShare, 0.2);
  near(idleCost({ ...input, burstsPerDay: 1_000 }).sleepingUsdPerMonth, 1_800);
});
