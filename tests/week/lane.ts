/** One gateway over one simulated account in simulated time, moved by hand: for tests of what takes minutes or a night. */
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { type Hyperstack, startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import type { EngineOptions } from "@/sim/options.ts";
import { makeKey } from "../e2e/support.ts";
import { ENGINE_KEY, KEY_NAME, MODEL } from "./fleet.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { START_MS } from "./week.ts";
import { live, standStill } from "./stillness.ts";
import { type VirtualDatabase, virtualDatabase } from "./virtual_database.ts";

/** Real time between two steps, so that what streams goes on meanwhile. */
const BREATH_MS = 50;
const SOON = { leastMs: 1_000, mostMs: 2_000 };

export type Lane = AsyncDisposable & {
  readonly hyperstack: Hyperstack;
  readonly gateway: Gateway;
  readonly database: VirtualDatabase;
  now(): number;
  /** Lets time pass in steps of `stepMs`, until `isEnough` or `limitMs` later; answers how long it took, or null. */
  pass(
    limitMs: number,
    stepMs: number,
    isEnough?: () => Promise<boolean> | boolean,
  ): Promise<number | null>;
  /** A chat request, as a client sends it. */
  ask(body?: Record<string, unknown>): Promise<Response>;
};

export async function openLane(
  fleet: (apiUrl: string) => string,
  engine: Partial<EngineOptions>,
): Promise<Lane> {
  const clock = manualClock(START_MS);
  const database = await virtualDatabase(START_MS);
  const dataDir = await Deno.makeTempDir({ prefix: "emberlane-lane-" });
  const hyperstack = await startHyperstack({
    clock,
    engines: "real",
    engine,
    keypairs: [KEY_NAME],
    addressPrefix: `127.${30 + Deno.pid % 60}`,
    requestsPerMinuteMax: 100_000,
    durations: {
      ...{ creating: SOON, building: SOON, address: SOON, starting: SOON, stopping: SOON },
      ...{ hibernating: SOON, restoring: SOON, deleting: SOON, engine: SOON },
    },
  });
  const gateway = await startGateway({
    ...{ database: database.target, dataDir, fleet: fleet(hyperstack.url) },
    env: { HYPERSTACK_API_KEY: hyperstack.apiKey, ENGINE_KEY },
  }, START_MS);
  const { secret } = await makeKey(database.sql);

  async function pass(
    limitMs: number,
    stepMs: number,
    isEnough: () => Promise<boolean> | boolean = () => false,
  ) {
    const fromMs = clock.now();
    while (clock.now() - fromMs < limitMs) {
      // Who was just sent comes in before time goes on.
      await standStill({ database, hyperstack, gateway }, clock.now());
      const nowMs = clock.now() + stepMs;
      await database.setNow(nowMs);
      clock.advance(millis(stepMs));
      await live({ database, hyperstack, gateway }, nowMs, true);
      await new Promise((resolve) => setTimeout(resolve, BREATH_MS));
      if (await isEnough()) return nowMs - fromMs;
    }
    return null;
  }

  return {
    ...{ hyperstack, gateway, database, pass },
    now: () => clock.now(),
    ask: (body = {}) =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
        body: JSON.stringify({
          model: MODEL,
          messages: [{ role: "user", content: "Hello" }],
          max_tokens: 1,
          ...body,
        }),
      }),
    async [Symbol.asyncDispose]() {
      await gateway.kill();
      await hyperstack.close();
      await database[Symbol.asyncDispose]();
      await Deno.remove(dataDir, { recursive: true }).catch(() => {});
    },
  };
}
