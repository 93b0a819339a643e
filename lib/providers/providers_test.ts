import { deepEqual, equal } from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import { type FleetFile, fleetFile } from "@/lib/kernel/fleet_file.ts";
import { hyperstackAccount } from "@/lib/kernel/fleet_file_hyperstack.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { patient, tierOf } from "./local_testing.ts";
import { engineEnv, engineKey, openProviders, openRented } from "./providers.ts";

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

Deno.test("openRented() opens an account that has a key, also when no tier uses it any more", async () => {
  const hyperstack = hyperstackAccount.parse({ environment: "e", key_name: "k" });
  const withAccount = { ...fleet, providers: { ...fleet.providers, hyperstack } };
  const names = async (env: Record<string, string>, of: FleetFile = withAccount) => {
    const rented = openRented({ fleet: of, env, clock: systemClock });
    await Promise.all(rented.map((provider) => provider.close()));
    return rented.map(({ name }) => name);
  };
  deepEqual(await names({ HYPERSTACK_API_KEY: "key" }), ["hyperstack"]);
  deepEqual(await names({}), []);
  deepEqual(await names({ HYPERSTACK_API_KEY: "key" }, fleet), []);
});
