/**
 * A gateway in simulated time, in a process that can be killed. It is the replica as users run it; only the clock and
 * the ticks of its minutes come from standard input, one JSON line each: `{"nowMs": 1785715200000, "isBusy": false}`.
 * The doorbell's queue rings by real time, so while something is under way each tick looks at every machine.
 */
import { createInterface } from "node:readline";
import process from "node:process";
import { z } from "zod";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { type Config, parseFleet } from "@/lib/kernel/config.ts";
import { createLog } from "@/lib/kernel/log.ts";
import { startReplica } from "@/replica/replica.ts";
import type { Ticker } from "@/workers/cron.ts";
import { isDue } from "./schedule.ts";

/** Work that waits for simulated time would hold up the tick that brings it; the same time again asks how it stands. */
const TICK_MS_MAX = 20;
/** What a tick has woken gets the event loop this often. */
const TURN_MS = 2;

const given = z.object({
  startMs: z.number(),
  database: z.object({
    kind: z.literal("socket"),
    path: z.string(),
    user: z.string(),
    database: z.string(),
  }).or(z.object({ kind: z.literal("url"), url: z.string() })),
  dataDir: z.string(),
  fleet: z.string(),
}).parse(JSON.parse(Deno.args[0] ?? "null"));
const tick = z.object({ nowMs: z.number(), isBusy: z.boolean() });

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const say = (word: unknown) => console.log(JSON.stringify(word));

const clock = manualClock(given.startMs);
const lines: { name: string; schedule: string; body: () => Promise<void> }[] = [];
const ticker: Ticker = {
  every: (name, schedule, body) => void lines.push({ name, schedule, body }),
};
const log = createLog({
  level: "info",
  write: (text) => Deno.stderr.writeSync(new TextEncoder().encode(text)),
  now: clock.now,
});
const config: Config = {
  host: "127.0.0.1",
  port: 0,
  dataDir: given.dataDir,
  databaseUrl: null,
  fleetPath: "fleet.yaml",
  fleet: parseFleet(given.fleet),
  demoKey: null,
  metricsToken: null,
  logLevel: "info",
  replicas: 1,
};
const replica = await startReplica({
  config,
  log,
  env: Deno.env.toObject(),
  clock,
  database: given.database,
  ticker,
});
say({ url: replica.url });

let minute = Math.floor(given.startMs / 60_000);
let running = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { nowMs, isBusy } = tick.parse(JSON.parse(line));
  const last = minute;
  minute = Math.floor(nowMs / 60_000);
  const isLater = nowMs > clock.now();
  if (isLater) clock.advance(millis(nowMs - clock.now()));
  const due = lines.filter(({ name, schedule }) =>
    isLater && ((isBusy && name === "look at every machine") ||
      (minute > last && isDue(schedule, minute * 60_000)))
  );
  const bodies = due.map(async ({ body }) => {
    running += 1;
    await body().finally(() => running -= 1);
  });
  await Promise.race([Promise.all(bodies), pause(TICK_MS_MAX)]);
  await pause(TURN_MS);
  log.flush();
  say({ nowMs, isDone: running === 0 });
}
// Nobody is there any more to move the time.
Deno.exit(0);
