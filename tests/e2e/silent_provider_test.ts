/** A provider that does not answer while a gateway starts: what serves already serves, and the gateway can leave. */
import assert from "node:assert/strict";
import { manualClock, minutes, seconds, systemClock } from "@/lib/kernel/clock.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { addMachine } from "@/lib/fleet/stores_testing.ts";
import { startEngine } from "@/sim/engine.ts";
import { startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import { chat, makeKey, startGateway, tempDir, until } from "./support.ts";

const fleetOf = (url: string) => `
providers:
  hyperstack: { base_url: "${url}", environment: default-CANADA-1, key_name: ops }
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 8192 }]
lineup:
  - name: h100
    provider: hyperstack
    band: standard
    serves: { m: m }
    machines: 2
    hyperstack: { flavor: n3-H100x1, image: "Ubuntu Server 24.04 LTS R570 CUDA 12.8 with Docker", engine_key_env: ENGINE_KEY, vllm: [m] }
`;

Deno.test("a gateway is ready though its provider never answers: machines it knows serve, and it stops in order", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const engine = await startEngine({ servedModelNames: ["m"] });
  const heard: string[] = [];
  // Nobody moves the provider's time, so what is slow never comes.
  const account = await startHyperstack({
    ...{ clock: manualClock(), keypairs: ["ops"], log: (line: string) => void heard.push(line) },
  });
  for (const operation of ["read", "list"] as const) {
    account.control.fault(operation, { kind: "slow", byMs: 1_000 }, { times: Infinity });
  }
  const clock = manualClock(systemClock.now());
  const at = { tier: "h100", provider: "hyperstack", placeSince: clock.now() };
  const place = { at: "ready", since: clock.now(), sickSince: null } as const;
  await addMachine(database.sql, { ...at, place, externalId: "7", baseUrl: engine.url });
  await addMachine(database.sql, { ...at, slot: 1, place: { at: "asleep" }, externalId: "8" });
  Deno.env.set("HYPERSTACK_API_KEY", account.apiKey);
  Deno.env.set("ENGINE_KEY", "engine-secret-0123456789");
  try {
    let isReady = false;
    const starting = startGateway(fleetOf(account.url), database.target, dir.path, clock);
    void starting.then(() => isReady = true, () => {});
    await until("the gateway is ready", () => isReady);
    const gateway = await starting;
    const { secret } = await makeKey(database.sql);
    const response = await chat(gateway.url, secret, { max_tokens: 2 });
    assert.equal(response.status, 200, await response.text());

    const asked = () => heard.filter((line) => line.includes("(read) with slow")).length;
    await until("both machines are being looked at", () => asked() >= 2);
    let isStopped = false;
    const stopping = gateway.stop().then(() => isStopped = true);
    await until("it has stopped", () => {
      clock.advance(seconds(1));
      return isStopped;
    });
    await stopping;
    // What still waits is told of its limits by the clock, and finds the database closed.
    clock.advance(minutes(1));
    const said = gateway.lines().map((line) => JSON.parse(line));
    assert.deepEqual(said.filter(({ level }) => level === "error"), []);
    assert.ok(said.some(({ event }) => event === "shutdown.done"));
  } finally {
    await account.close();
    await engine.close();
  }
});
