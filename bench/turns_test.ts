import assert from "node:assert/strict";
import { freePort, listeners, mainThreads, ready, start, stop } from "./processes.ts";
import { permutations, type TurnsJob, type TurnsResult } from "./turns.ts";

const file = (name: string) => new URL(name, import.meta.url).pathname;

async function turns(job: TurnsJob): Promise<{ success: boolean; result: TurnsResult | null }> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", file("turns.ts"), JSON.stringify(job)],
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  return { success, result: success ? JSON.parse(text) as TurnsResult : null };
}

/** A fast engine until disposed. */
async function engine(): Promise<{ port: number } & AsyncDisposable> {
  const port = freePort();
  const process = start("engine", null, [
    ...[Deno.execPath(), "run", "-A", file("fast_engine.ts"), String(port)],
  ]);
  await ready(`http://127.0.0.1:${port}/health`);
  return { port, [Symbol.asyncDispose]: () => stop(process) };
}

Deno.test("permutations() lets each of three lanes follow each other one equally often", () => {
  const orders = permutations(["direct", "nginx", "emberlane"]);
  const follows = new Map<string, number>();
  for (const order of orders) {
    for (const [i, lane] of order.slice(1).entries()) {
      const pair = `${order[i]} ${lane}`;
      follows.set(pair, (follows.get(pair) ?? 0) + 1);
    }
  }
  assert.equal(new Set(orders.map(String)).size, 6);
  assert.deepEqual([...follows.values()], [2, 2, 2, 2, 2, 2]);
});

Deno.test("turns ask every lane as often, plain and streamed, one by one and at a rate", async () => {
  await using one = await engine();
  const lane = (name: string) => ({ name, port: one.port, key: null });
  const job = {
    ...{ lanes: [lane("direct"), lane("a"), lane("b")], bench: { chunks: 3 }, watch: null },
  };
  for (const [turnsAsked, burst, stream] of [[7, 1, false], [7, 1, true], [1, 7, false]] as const) {
    const work = { kind: "sequential", turns: turnsAsked, burst, stream } as const;
    const { result } = await turns({ ...job, work, sets: 3 });
    assert.deepEqual(
      Object.entries(result?.latencyUs ?? {}).map(([name, { n }]) => [name, n]),
      [["direct", 21], ["a", 21], ["b", 21]],
    );
  }
  const work = { kind: "open", perSecond: 100, seconds: 0.2, connections: 4 } as const;
  const { result } = await turns({ ...job, work, sets: 2 });
  assert.deepEqual(Object.values(result?.latencyUs ?? {}).map(({ n }) => n), [40, 40, 40]);
});

/** A stream that ends as it should, one chunk early: three were wished for. */
const SHORT = `data: {"ts":"1","choices":[{"delta":{"content":" a"},"finish_reason":null}]}

data: {"ts":"2","choices":[{"delta":{"content":" b"},"finish_reason":"stop"}]}

data: {"choices":[],"usage":{"completion_tokens":3}}

data: [DONE]

`;

Deno.test("turns fail when one answer is not whole", async () => {
  await using one = await engine();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () =>
    // As a stream, so that it is sent in chunks.
    new Response(ReadableStream.from([new TextEncoder().encode(SHORT)]), {
      headers: { "content-type": "text/event-stream" },
    }));
  const lanes = [
    { name: "direct", port: one.port, key: null },
    { name: "short", port: server.addr.port, key: null },
  ];
  const work = { kind: "sequential", turns: 1, burst: 1, stream: true } as const;
  const job = { lanes, work, sets: 1, bench: { chunks: 3 }, watch: null };
  assert.equal((await turns(job)).success, false);
  assert.equal(
    (await turns({ ...job, lanes: lanes.slice(1), bench: { chunks: 2 } })).success,
    true,
  );
  assert.equal((await turns({ ...job, lanes: lanes.slice(0, 1) })).success, true);
  await server.shutdown();
});

Deno.test("turns take a set again while others are on the core, once for each set", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using one = await engine();
  const other = start("other", "0", ["sh", "-c", "while :; do :; done"]);
  const { result } = await turns({
    lanes: [{ name: "direct", port: one.port, key: null }],
    work: { kind: "sequential", turns: 10, burst: 1, stream: false },
    ...{ sets: 2, bench: { chunks: 3, ttft_ms: 10 } },
    watch: { core: "0", pids: [] },
  });
  await stop(other);
  assert.deepEqual([result?.repeats, result?.noisy], [2, 2]);
  assert.equal(result?.latencyUs["direct"]?.n, 20);
});

Deno.test("listeners() counts the sockets that listen on a port, and none that only use it", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const one = Deno.listen({ hostname: "127.0.0.1", port: 0, reusePort: true });
  const { port } = one.addr;
  using _client = await Deno.connect({ hostname: "127.0.0.1", port });
  using _served = await one.accept();
  const two = Deno.listen({ hostname: "127.0.0.1", port, reusePort: true });
  assert.equal(listeners(port), 2);
  two.close();
  assert.equal(listeners(port), 1);
  one.close();
  assert.equal(listeners(port), 0);
});

Deno.test("mainThreads() sees a process run, and adds up those of several", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const runner = start("runner", null, ["sh", "-c", "while :; do :; done"]);
  const before = mainThreads([runner.pid]).ranUs;
  const endMs = performance.now() + 10_000;
  while (mainThreads([runner.pid]).ranUs === before && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const after = mainThreads([runner.pid]).ranUs;
  assert.ok(after > before);
  assert.ok(mainThreads([runner.pid, runner.pid]).ranUs >= 2 * after);
  await stop(runner);
  assert.deepEqual(mainThreads([]), { ranUs: 0, waitedUs: 0 });
});
