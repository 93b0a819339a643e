/** Tests of schedule.ts. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { isDue } from "./schedule.ts";

const at = (text: string) => Date.parse(text);

Deno.test("isDue() reads stars and numbers of UTC", () => {
  const dues = ["* * * * *", "7 * * * *", "10 0 * * *", "0 3 * * 1"].map((
    schedule,
  ) => isDue(schedule, at("2026-08-03T00:10:00Z")));
  deepEqual(dues, [true, false, true, false]);
  equal(isDue("0 3 * * 1", at("2026-08-03T03:00:00Z")), true);
});

Deno.test("isDue() does not guess", () => {
  throws(() => isDue("* * *", 0), /Cannot read/);
  throws(() => isDue("1-5 * * * *", 0), /Cannot read 1-5/);
  throws(() => isDue("*/5 * * * *", 0), /Cannot read \*\/5/);
});
