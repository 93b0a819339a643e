/** A gateway to be killed by tests: opens the `local` provider, starts one machine, says so and waits. */
import { millis, systemClock } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { openLocal } from "./local.ts";
import { OBEDIENT, patient, shellTier } from "./local_testing.ts";

const [root = "", deploymentId = "", machineId = ""] = Deno.args;
const tier = shellTier(OBEDIENT);
const local = await openLocal({
  tiers: [tier],
  root,
  deploymentId,
  orphanAfterMs: millis(60_000),
  env: { PATH: Deno.env.get("PATH") ?? "" },
  clock: systemClock,
  log: silentLog,
});
const ref = { machineId, deploymentId, tier: tier.name, slot: 0, externalId: null };
await local.start(ref, { generation: 1 }, patient());
console.log(JSON.stringify(await local.status(ref, patient())));
await new Promise(() => setInterval(() => {}, 60_000));
