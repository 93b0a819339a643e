import { deepEqual, equal } from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import { fleetFile } from "@/lib/kernel/fleet_file.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { patient, tierOf } from "./local_testing.ts";
import { engineEnv, engineKey, openProviders } from "./providers.ts";

const fleet = fleetFile.parse({
  models: [{ id: "m", name: "M", vendor: "v", kind: "chat", context_tokens: 100 }],
  lineup: [{
    name: "s",
    provider: "static",
    band: "standard",
    serves: { m: "m" },
    static: { urls: ["http://a:1"], key_env: "B_KEY" },
  }],
});

Deno.test("openProviders() opens each by its name, and local ones end with their files in the data directory", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "emberlane-providers-" });
  const { providers, local, close } = await openProviders({
    fleet: { ...fleet, lineup: [...fleet.lineup, tierOf(["sleep", "60"])] },
    dataDir,
    deploymentId: "dep-providers-test",
    env: { PATH: Deno.env.get("PATH") },
    clock: systemClock,
    log: silentLog,
  });
  try {
    deepEqual([...providers.keys()].sort(), ["local", "static"]);
    equal(providers.get("local"), local);
    const ref = {
      machineId: `mac_${crypto.randomUUID()}`,
      deploymentId: "dep-providers-test",
      tier: "t",
      slot: 0,
      externalId: null,
    };
    await local.start(ref, { generation: 1 }, patient());
    equal((await Deno.stat(`${dataDir}/machines/${ref.machineId}/machine.json`)).isFile, true);
    await local.stopAll(patient());
    equal((await local.status(ref, patient())).power, "off");
  } finally {
    await close();
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("engineEnv() hands engines the environment without the gateway's secrets", () => {
  const env = { PATH: "/bin", HF_TOKEN: "t", DATABASE_URL: "d", B_KEY: "k", GONE: undefined };
  deepEqual(engineEnv(env, fleet), { PATH: "/bin", HF_TOKEN: "t" });
});

Deno.test("engineKey() reads the variable the tier names, and no other", () => {
  const [tier] = fleet.lineup;
  if (tier === undefined) throw new Error("one tier stands above");
  const named = { ...tier, static: { urls: [], key_env: "B_KEY" } };
  equal(engineKey(named, { B_KEY: "k", A_KEY: "no" }), "k");
  equal(engineKey(named, {}), null);
  equal(engineKey(tier, { A_KEY: "no" }), null);
});
