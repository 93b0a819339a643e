/** Every fault as a client meets it. */

import assert from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { eventually, type RawRequest } from "./http/raw_client.ts";
import { CHAT, HI, SLOW, withEngine } from "./with_engine.ts";

const faulty = (fault: string, stream = true, id = "r"): RawRequest => ({
  path: CHAT,
  body: { ...HI, stream },
  headers: { "x-sim-fault": fault, "x-sim-tokens": "6", "x-request-id": id },
});
const contents = (body: string) => body.split('"delta":{"content":').length - 1;

Deno.test("fault cut closes the socket after exactly so many tokens, and reset resets it", async () => {
  await withEngine({}, async (engine, go) => {
    const cut = await go(faulty("cut:after=3", true, "a"));
    assert.deepEqual([cut.status, cut.end, contents(cut.body)], [200, "cut", 3]);
    assert.doesNotMatch(cut.body, /finish_reason":"|DONE/);
    const { generated, finished_reason } = engine.stats().by_request.a ?? {};
    assert.deepEqual([generated, finished_reason], [3, "error"]);
    assert.equal((await go(faulty("cut:after=3,how=reset"))).end, "reset");
    const merged = faulty("cut:after=3", true, "b");
    const six = await go({ ...merged, body: { ...HI, stream: true, stream_interval: 5 } });
    assert.equal(six.end, "cut");
    assert.equal(engine.stats().by_request.b?.generated, 3);
    const whole = await go(faulty("cut:after=3", false));
    assert.deepEqual([whole.status, whole.end], [200, "cut"]);
    assert.throws(() => JSON.parse(whole.body));
    assert.equal(engine.stats().running, 0);
  });
});

Deno.test("fault reset comes before any header", async () => {
  await withEngine({}, async (_engine, go) => {
    const { status, end } = await go(faulty("reset"));
    assert.deepEqual([status, end], [0, "reset"]);
  });
});

Deno.test("fault status answers the status, with Retry-After when given", async () => {
  await withEngine({}, async (_engine, go) => {
    const plain = await go(faulty("status:code=503"));
    assert.equal(
      plain.body,
      '{"error":{"message":"Simulated failure","type":"ServiceUnavailable","param":null,"code":503}}',
    );
    assert.ok(plain.headers.every((line) => !line.startsWith("retry-after")));
    const later = await go(faulty("status:code=429,retry-after=2"));
    assert.equal(later.status, 429);
    assert.ok(later.headers.includes("retry-after: 2"));
  });
});

Deno.test("fault error-event writes vLLM's error event and the terminator", async () => {
  await withEngine({}, async (_engine, go) => {
    const { body, end } = await go(faulty("error-event:after=2"));
    assert.equal(contents(body), 2);
    assert.equal(end, "whole");
    assert.ok(body.endsWith(
      'data: {"error": {"message": "EngineCore encountered an issue. See stack trace (above) for the root cause.", "type": "InternalServerError", "param": null, "code": 500}}\n\ndata: [DONE]\n\n',
    ));
    assert.equal((await go(faulty("error-event:after=2", false))).status, 500);
  });
});

Deno.test("fault no-done, no-finish and malformed each break one thing only", async () => {
  await withEngine({}, async (_engine, go) => {
    const noDone = await go(faulty("no-done"));
    assert.match(noDone.body, /"finish_reason":"stop"/);
    assert.doesNotMatch(noDone.body, /DONE/);
    assert.equal(noDone.end, "whole");
    const noFinish = await go(faulty("no-finish"));
    assert.deepEqual([contents(noFinish.body), noFinish.end], [6, "whole"]);
    assert.doesNotMatch(noFinish.body, /"finish_reason":"|DONE/);
    assert.equal(contents((await go(faulty("no-finish:after=2"))).body), 2);
    const malformed = await go(faulty("malformed:after=2"));
    const broken = malformed.body.trimEnd().split("\n\n").filter((event) => {
      try {
        return event !== "data: [DONE]" && !JSON.parse(event.slice(6));
      } catch {
        return true;
      }
    });
    assert.equal(broken.length, 1);
    assert.match(malformed.body, /"finish_reason":"stop".*\[DONE\]/s);
  });
});

Deno.test("fault stall sends no more after so many tokens, until the client leaves", async () => {
  await withEngine({}, async (engine, go) => {
    const answer = go({ ...faulty("stall:after=2", true, "s"), leaveWhen: () => left });
    let left = false;
    await eventually(() => engine.stats().by_request.s?.generated === 2, "two tokens were sent");
    assert.equal(engine.stats().by_request.s?.finished_reason, null);
    left = true;
    await engine.close();
    assert.equal(contents((await answer).body), 2);
    assert.equal(engine.stats().by_request.s?.finished_reason, "abort");
  });
});

Deno.test("fault silence never answers; slow-headers and slow-first-token answer late", async () => {
  await withEngine({}, async (engine, go) => {
    const silent = go(faulty("silence"));
    assert.equal((await go(faulty("slow-headers:ms=20"))).end, "whole");
    assert.equal((await go(faulty("slow-first-token:ms=20"))).end, "whole");
    await engine.close();
    assert.equal((await silent).status, 0);
  });
});

Deno.test("fault refuse stops listening for a while and comes back on the same port", async () => {
  const clock = manualClock();
  await withEngine({}, async (_engine, go) => {
    assert.equal((await go(faulty("refuse:ms=150"))).end, "reset");
    clock.advance(millis(149));
    assert.equal((await go({ path: "/health" })).end, "refused");
    await eventually(async () => {
      clock.advance(millis(1));
      return (await go({ path: "/health" })).status === 200;
    }, "it listens again");
  }, { clock });
});

Deno.test("fault abort has the shape of an engine's abort: no finish at all before the first token", async () => {
  await withEngine({}, async (engine, go) => {
    const early = await go(faulty("abort:after=0", true, "e"));
    assert.match(early.body, /"role":"assistant"/);
    assert.doesNotMatch(early.body, /"finish_reason":"/);
    assert.ok(early.body.endsWith("data: [DONE]\n\n"));
    assert.equal(engine.stats().by_request.e?.finished_reason, "abort");
    const later = await go(faulty("abort:after=2"));
    assert.match(later.body, /"delta":\{"content":""\},"logprobs":null,"finish_reason":"abort"/);
    const whole = JSON.parse((await go(faulty("abort:after=0", false))).body);
    assert.deepEqual(
      [whole.choices[0].message.content, whole.choices[0].finish_reason],
      ["", "abort"],
    );
  });
});

Deno.test("fault die answers 500, then 503 on /health, then nobody", async () => {
  const codes: number[] = [];
  await withEngine({ latency: SLOW }, async (engine, go) => {
    const other = go({
      path: CHAT,
      body: { ...HI, stream: true },
      headers: { "x-sim-tokens": "900" },
    });
    await eventually(() => engine.stats().running === 1, "another runs");
    const dying = await go(faulty("die", false));
    assert.equal(dying.status, 500);
    assert.match(dying.body, /"EngineCore encountered an issue\./);
    assert.match((await other).body, /data: \{"error": \{"message": "EngineCore.*\[DONE\]/s);
    const health = await go({ path: "/health" });
    assert.deepEqual([health.status, health.body], [503, ""]);
    assert.equal((await go({ path: CHAT, body: HI })).status, 500);
    await eventually(() => codes.length > 0, "it exits");
    assert.equal((await go({ path: "/health" })).end, "refused");
  }, { onExit: (code) => codes.push(code) });
  assert.deepEqual(codes, [1]);
});

Deno.test("/admin/config changes what it names, all of it or nothing", async () => {
  await withEngine({}, async (_engine, go) => {
    const set = (body: unknown) => go({ path: "/admin/config", body });
    const before = JSON.parse((await go({ path: "/admin/config" })).body);
    const refused = await set({ "inter-token-latency": 7, "faults": ["nonsense"] });
    assert.equal(refused.status, 400);
    assert.match(refused.body, /Cannot read fault/);
    assert.deepEqual(JSON.parse((await go({ path: "/admin/config" })).body), before);
    const changed = JSON.parse(
      (await set({ "inter-token-latency": 7, "faults": ["status:code=500"] })).body,
    );
    assert.deepEqual(changed, {
      ...before,
      "inter-token-latency": 7,
      "faults": ["status:code=500"],
    });
    assert.equal((await go({ path: CHAT, body: HI })).status, 500);
    assert.equal((await go({ path: "/health" })).status, 200);
    await set({ faults: [] });
    assert.equal((await go({ path: CHAT, body: HI })).status, 200);
    for (
      const bad of [{ "max-num-seqs": 0 }, { mode: "x" }, { nothing: 1 }, {
        "time-to-first-token-std-dev": 9,
      }]
    ) {
      assert.equal((await set(bad)).status, 400, JSON.stringify(bad));
    }
  });
});
