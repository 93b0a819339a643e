/** An engine's life: start, sleep, and the end. */

import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { startEngine } from "./engine.ts";
import { ask, eventually } from "./http/raw_client.ts";
import { CHAT, HI, SLOW, withEngine } from "./with_engine.ts";

Deno.test("startEngine() refuses connections until its phases are over", async () => {
  const lines: string[] = [];
  const clock = manualClock();
  const startupMs = { weights: 60, compile: 10, profile: 10, graphs: 10 };
  const probe = await startEngine({ port: 0, logStats: false });
  const { port } = probe;
  await probe.close();
  const log = (line: string) => lines.push(line);
  let listening = false;
  const starting = startEngine({ port, startupMs, logStats: false }, { clock, log });
  starting.then(() => listening = true);
  clock.advance(millis(59));
  await eventually(() => lines.some((line) => line.startsWith("Loading safetensors")), "it loads");
  assert.equal((await ask(port, { path: "/health" })).end, "refused");
  await eventually(() => {
    clock.advance(millis(10));
    return listening;
  }, "it listens");
  const engine = await starting;
  assert.equal((await ask(port, { path: "/health" })).status, 200);
  assert.equal(lines.at(-1), "INFO:     Application startup complete.");
  await engine.close();
});

Deno.test("sleep aborts what runs, queues what comes, and wakes to serve it", async () => {
  const asleep = {
    sleepMode: true,
    devMode: true,
    sleepMs: 5,
    wakeMs: 5,
    reloadMs: 5,
    latency: SLOW,
  };
  await withEngine(asleep, async (engine, go) => {
    const post = (path: string) => go({ method: "POST", path });
    const sleeping = async () => JSON.parse((await go({ path: "/is_sleeping" })).body).is_sleeping;
    const running = go({
      path: CHAT,
      body: { ...HI, stream: true },
      headers: { "x-sim-tokens": "900" },
    });
    await eventually(() => engine.stats().generated_tokens > 0, "tokens flow");
    const slept = await post("/sleep?level=1");
    assert.deepEqual([slept.status, slept.body], [200, ""]);
    assert.match((await running).body, /"finish_reason":"abort"/);
    assert.equal(await sleeping(), true);
    assert.equal((await go({ path: "/health" })).status, 200);
    assert.match((await go({ path: "/metrics" })).body, /sleep_state="weights_offloaded"\} 1\.0/);
    const queued = go({ path: CHAT, body: HI, headers: { "x-sim-tokens": "2" } });
    await eventually(() => engine.stats().waiting === 1, "it queues");
    await post("/wake_up?tags=weights");
    assert.equal(await sleeping(), true);
    assert.match((await go({ path: "/metrics" })).body, /sleep_state="awake"\} 1\.0/);
    assert.equal(engine.stats().waiting, 1);
    await post("/wake_up?tags=kv_cache");
    assert.equal(await sleeping(), false);
    assert.equal(JSON.parse((await queued).body).choices[0].finish_reason, "stop");
  });
});

Deno.test("a sleep of level 2 needs reload_weights; without it the answer is noise", async () => {
  const asleep = { sleepMode: true, devMode: true, sleepMs: 1, wakeMs: 1, reloadMs: 1 };
  await withEngine(asleep, async (_engine, go) => {
    const say = async () => {
      const { body } = await go({ path: CHAT, body: HI, headers: { "x-sim-tokens": "8" } });
      return JSON.parse(body).choices[0].message.content;
    };
    const before = await say();
    await go({ method: "POST", path: "/sleep?level=2" });
    await go({ method: "POST", path: "/wake_up" });
    assert.equal(await say(), "!!!!!!!!");
    await go({ path: "/collective_rpc", body: { method: "reload_weights" } });
    assert.equal(await say(), before);
  });
});

Deno.test("terminate() aborts at once by default and drains when given time", async () => {
  for (const [shutdownTimeoutMs, reason] of [[0, "abort"], [5_000, "stop"]] as const) {
    await withEngine({ latency: SLOW, shutdownTimeoutMs }, async (engine, go) => {
      const body = { ...HI, stream: true };
      const running = go({ path: CHAT, body, headers: { "x-sim-tokens": "4" } });
      await eventually(() => engine.stats().generated_tokens > 0, "tokens flow");
      const ended = engine.terminate();
      if (shutdownTimeoutMs > 0) {
        const late = await go({ path: CHAT, body });
        assert.doesNotMatch(late.body, /"finish_reason":"/);
        assert.ok(late.body.endsWith("data: [DONE]\n\n"));
      }
      assert.match((await running).body, new RegExp(`"finish_reason":"${reason}".*DONE`, "s"));
      await ended;
      assert.equal((await go({ path: "/health" })).end, "refused");
    });
  }
});
