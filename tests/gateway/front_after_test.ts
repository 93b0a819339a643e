/**
 * What is left to do once an answer is on its way, on a client's connection of ours: the books of a request that was
 * served are closed once, after its answer was written, whatever became of the client.
 */
import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import type { WireEars } from "@/lib/kernel/sockets/wire.ts";
import type { Upstream, UpstreamBody } from "@/lib/engine/upstream.ts";
import type { ApiDeps } from "@/lib/gateway/api.ts";
import { FrontClient } from "@/lib/gateway/front/client.ts";
import type { ClientHome } from "@/lib/gateway/front/client_home.ts";
import { KEY } from "@/bench/lanes.ts";
import { depsOf } from "@/bench/path_home.ts";

const ANSWER =
  '{"object":"chat.completion","model":"m","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}';
const BODY = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';
const REQUEST = [
  "POST /v1/chat/completions HTTP/1.1",
  "host: gateway",
  `authorization: Bearer ${KEY}`,
  "content-type: application/json",
  `content-length: ${BODY.length}`,
  "",
  BODY,
].join("\r\n");
/** More turns than an answer takes from its engine to its client. */
const TURNS = 60;

const turn = () => Promise.resolve();
const rest = () => new Promise((resolve) => setTimeout(resolve));

/** A client on a wire in memory, and an engine that answers when it is told; `took` is what each write answers. */
function connection(took = true) {
  /** What became of the request, in its order. */
  const deeds: string[] = [];
  const engine = Promise.withResolvers<void>();
  const deps = depsOf(false);
  deps.upstream.close();
  const upstream: Upstream = {
    async send({ signal }) {
      await engine.promise;
      signal.throwIfAborted();
      return { status: 200, headers: { get: () => null, entries: () => [] }, body: bodyOf(ANSWER) };
    },
    close() {},
  };
  const api = {
    ...deps,
    upstream,
    lineupSince: instant(0),
    metrics: {
      ...deps.metrics,
      upstreamAttemptsTotal: {
        ...deps.metrics.upstreamAttemptsTotal,
        inc: () => void deeds.push("noted"), // with each call of what is left to do
      },
    },
    ledger: {
      ...deps.ledger,
      open: () => Promise.resolve(true),
      close: ({ ended }: { ended: string }) => void deeds.push(`closed as ${ended}`),
    },
  } as unknown as ApiDeps;
  let ears: WireEars | null = null;
  const home: ClientHome = {
    ...{ api, fullPort: 0, stopping: () => false, date: () => "" },
    sockets: { connect: () => Promise.reject(new Error("Nobody is behind")) },
    gone: () => void deeds.push("gone"),
  };
  new FrontClient({
    listen: (given) => void (ears = given),
    write(bytes) {
      deeds.push(String(bytes).slice(0, "HTTP/1.1 200".length));
      return took;
    },
    isWriting: false,
    pause() {},
    resume() {},
    hangUp() {},
    close() {},
  }, home);
  const ask = () => ears?.bytes(new TextEncoder().encode(REQUEST));
  return {
    deeds,
    ask,
    answer: () => engine.resolve(),
    leave: () => ears?.broke(new Error("The client left")),
    drained: () => ears?.drained?.(),
  };
}

function bodyOf(text: string): UpstreamBody {
  let left: Uint8Array<ArrayBuffer> | null = new TextEncoder().encode(text);
  const read = () => {
    const piece = left;
    left = null;
    return piece;
  };
  return {
    read,
    cancel() {},
    async *[Symbol.asyncIterator]() {
      for (let piece = read(); piece !== null; piece = read()) yield await Promise.resolve(piece);
    },
  };
}

const SERVED = ["HTTP/1.1 200", "noted", "closed as complete"];

Deno.test("FrontClient writes the answer, then does what is left, once", async () => {
  const { deeds, ask, answer } = connection();
  ask();
  await rest();
  assert.deepEqual(deeds, [], "the engine has not answered yet");
  answer();
  await rest();
  assert.deepEqual(deeds, SERVED);
  ask();
  await rest();
  assert.deepEqual(deeds, [...SERVED, ...SERVED]);
});

Deno.test("FrontClient does what is left at once where the client takes no more, and not again when it does", async () => {
  const { deeds, ask, answer, drained, leave } = connection(false);
  ask();
  answer();
  await rest();
  assert.deepEqual(deeds, SERVED);
  drained();
  await rest();
  leave();
  await rest();
  assert.deepEqual(deeds, [...SERVED, "gone"]);
});

Deno.test("FrontClient closes the books once whenever the client leaves, with an answer on its way to nobody as complete", async () => {
  const ends = new Set<string>();
  for (let turns = 0; turns < TURNS; turns++) {
    const { deeds, ask, answer, leave } = connection();
    ask();
    await rest();
    answer();
    for (let i = 0; i < turns; i++) await turn();
    leave();
    await rest();
    const end = deeds.join(", ");
    ends.add(end);
    assert.equal(deeds.filter((deed) => deed.startsWith("closed")).length, 1, `${turns}: ${end}`);
  }
  assert.deepEqual([...ends], [
    "gone, closed as client_left",
    "gone, noted, closed as complete",
    [...SERVED, "gone"].join(", "),
  ]);
});
