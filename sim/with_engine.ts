/** Engines for tests: short-lived, quick, on a free port. */

import { type Engine, type EngineDeps, startEngine } from "./engine.ts";
import { ask, type RawAnswer, type RawRequest } from "./http/raw_client.ts";
import { DEFAULT_LATENCY, type EngineOptions } from "./options.ts";

export const FAST = { ...DEFAULT_LATENCY, timeToFirstTokenMs: 1, interTokenLatencyMs: 1 };
export const SLOW = { ...DEFAULT_LATENCY, timeToFirstTokenMs: 1, interTokenLatencyMs: 50 };
export const HI = { model: "m", messages: [{ role: "user", content: "hi" }] };
export const CHAT = "/v1/chat/completions";

/** Runs `test` against an engine of its own, and closes it whatever happens. */
export async function withEngine(
  options: Partial<EngineOptions>,
  test: (engine: Engine, go: (request: RawRequest) => Promise<RawAnswer>) => Promise<void>,
  deps: EngineDeps = {},
): Promise<void> {
  const engine = await startEngine({
    port: 0,
    model: "org/m",
    servedModelNames: ["m", "alias"],
    latency: FAST,
    logStats: false,
    ...options,
  }, deps);
  try {
    await test(engine, (request) => ask(engine.port, request));
  } finally {
    await engine.close();
  }
}
