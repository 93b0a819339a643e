/** `deno task week [--days 7] [--seed 1]`: lives through a simulated week, prints what it found, exits 1 for a problem. */
import { parseArgs } from "node:util";
import { judge } from "./judge.ts";
import { liveThrough } from "./week.ts";

const { values } = parseArgs({ options: { days: { type: "string" }, seed: { type: "string" } } });
const startedMs = performance.now();
await using week = await liveThrough({
  days: Number(values.days ?? 7),
  seed: Number(values.seed ?? 1),
  say: (line) => console.log(line),
});
const { problems, facts } = await judge(week);
for (const [name, value] of Object.entries(facts)) console.log(`${name}: ${value}`);
for (const problem of problems) console.log(`PROBLEM ${problem}`);
console.log(`${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
if (problems.length > 0) Deno.exitCode = 1;
