/** Tests of check_lineup.ts. */
import assert from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import { ConfigError, parseFleet } from "@/lib/kernel/config.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import { checkLineup } from "./check_lineup.ts";
import { openRented } from "./providers.ts";

const fleetOf = (url: string, flavor: string, environment = "default-US-1") =>
  parseFleet(`
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 1000 }]
providers: { hyperstack: { base_url: "${url}", environment: ${environment}, key_name: k } }
lineup:
  - { name: s, provider: static, band: spot, serves: { m: m }, static: { urls: ["http://localhost:1"] } }
  - name: h
    provider: hyperstack
    band: standard
    serves: { m: m }
    hyperstack: { flavor: ${flavor}, engine_key_env: ENGINE_KEY, vllm: [m] }
`);

Deno.test("checkLineup() refuses a flavor that cannot hibernate by its field, and nothing when nobody answers", async () => {
  const api = await startHyperstack();
  const env = { HYPERSTACK_API_KEY: api.apiKey, ENGINE_KEY: "e" };
  const warned: string[] = [];
  const log = { ...silentLog, warn: (event: string) => void warned.push(event) };
  const check = async (flavor: string, environment?: string) => {
    const fleet = fleetOf(api.url, flavor, environment);
    const [provider] = openRented({ fleet, env, clock: systemClock });
    assert.ok(provider !== undefined);
    try {
      await checkLineup(new Map([["hyperstack", provider]]), fleet, log);
    } finally {
      await provider.close();
    }
  };
  try {
    await assert.rejects(check("n3-H100-SXM5x8"), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual(error.problems.map(({ where, value }) => [where, value]), [
        ["fleet.yaml lineup.1.hyperstack.flavor", "n3-H100-SXM5x8"],
      ]);
      return true;
    });
    await check("n3-H100-SXM5x8", "default-CANADA-1");
    await check("n3-H100x1");
    // Under this name one region can and another cannot, and the environment is not known.
    await check("n3-H100-SXM5x8", "of-another-account");
    assert.deepEqual(warned, []);
    api.control.fault("environments", "server_error");
    await check("n3-H100-SXM5x8");
    assert.deepEqual(warned, ["providers.unchecked"]);
  } finally {
    await api.close();
  }
});
