/** Tests of money.ts. */
import { equal } from "node:assert/strict";
import fc from "fast-check";
import { costOfTokens, costOfUsage, formatUsd, parseUsd, perMinute } from "./money.ts";

Deno.test("parseUsd() reads decimals exactly", () => {
  equal(parseUsd("0.30"), 300_000_000n);
  equal(parseUsd("1"), 1_000_000_000n);
  equal(parseUsd("-0.000000001"), -1n);
  equal(parseUsd(" 999999999999.999999999 "), 999_999_999_999_999_999_999n);
});

Deno.test("parseUsd() refuses what it cannot hold exactly", () => {
  const refused = [
    "",
    ".5",
    "1.",
    "1e-7",
    "0.0000000001",
    "1000000000000",
    "1,5",
    "NaN",
    "+1",
    "0x1",
  ];
  for (const text of refused) equal(parseUsd(text), null, text);
});

Deno.test("formatUsd() shows at least two places and no digit too few", () => {
  equal(formatUsd(300_000_000n), "0.30");
  equal(formatUsd(0n), "0.00");
  equal(formatUsd(-1n), "-0.000000001");
  equal(formatUsd(1_100_000_000n), "1.10");
  equal(formatUsd(1_234n), "0.000001234");
});

Deno.test("parseUsd() reads back whatever formatUsd() writes", () => {
  const most = 999_999_999_999_999_999_999n;
  fc.assert(fc.property(fc.bigInt({ min: -most, max: most }), (amount) => {
    equal(parseUsd(formatUsd(amount)), amount);
  }));
});

Deno.test("costOfTokens() rounds half a nano-dollar up, less than half down", () => {
  equal(costOfTokens(1, 500_000n), 1n);
  equal(costOfTokens(1, 499_999n), 0n);
  equal(costOfTokens(1_000_000, 300_000_000n), 300_000_000n);
});

Deno.test("costOfUsage() rounds once: two halves make a whole", () => {
  const price = { inputNanoUsd: 400_000n, outputNanoUsd: 100_000n };
  equal(costOfUsage({ promptTokens: 1, completionTokens: 1 }, price), 1n);
  equal(costOfTokens(1, price.inputNanoUsd) + costOfTokens(1, price.outputNanoUsd), 0n);
});

Deno.test("perMinute() rounds the hour's sixtieth half up", () => {
  equal(perMinute(2_500_000_000n), 41_666_667n);
  equal(perMinute(30n), 1n);
  equal(perMinute(29n), 0n);
});
