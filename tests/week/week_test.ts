/** A simulated day in CI, with everything that can go wrong in it; `deno task week` lives through seven. */
import { deepEqual } from "node:assert/strict";
import { judge } from "./judge.ts";
import { liveThrough } from "./week.ts";

Deno.test({
  name:
    "a simulated day with kills, outages, shortages and preemptions: what is published is the invoice, gaps are gaps, no orphan lasts",
  // Machines answer on loopback addresses of their own.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using week = await liveThrough({ days: 1, seed: 1 });
    const { problems, facts } = await judge(week);
    console.log(facts);
    deepEqual(problems, []);
  },
});
