/** When simulated time may go on: once nobody works, and what is left waits for it. */
import type { Hyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import type { Gateway } from "./gateway.ts";
import type { VirtualDatabase } from "./virtual_database.ts";

/** Nobody was seen to work this many times in a row. */
const STILL_LOOKS = 3;
const LOOK_EVERY_MS = 5;
/** A busy machine is slow; one that is slower than this is stuck. */
const STILL_MS_MAX = 60_000;

export type Deployment = {
  readonly database: VirtualDatabase;
  readonly hyperstack: Hyperstack;
  readonly gateway: Gateway;
};

/** Tells the gateway the time, and waits until it has done what that brings, however slow the computer is. */
export async function live(deployment: Deployment, nowMs: number, isBusy: boolean): Promise<void> {
  if (!await deployment.gateway.tick(nowMs, isBusy)) await standStill(deployment, nowMs);
}

/** Waits until the gateway has done all that it can do at this moment. */
export async function standStill(deployment: Deployment, nowMs: number): Promise<void> {
  const { gateway, hyperstack, database: { sql } } = deployment;
  const untilMs = performance.now() + STILL_MS_MAX;
  for (let still = 0; still < STILL_LOOKS;) {
    if (performance.now() >= untilMs) throw new Error(`the gateway is still at ${nowMs}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    await gateway.tick(nowMs, false);
    const busy = await sql`
      select from pg_stat_activity
      where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()
        and backend_type = 'client backend'
    `;
    still = busy.length === 0 && hyperstack.control.busy() === 0 ? still + 1 : 0;
  }
}
