import { deepEqual, equal, rejects } from "node:assert/strict";
import { AppError } from "@/lib/kernel/errors.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { createEngine, healthOf } from "./vllm.ts";
import { withScript } from "./upstream_testing.ts";

const engine = createEngine({ log: silentLog });
const signal = () => AbortSignal.timeout(5_000);

type Answers = Record<string, Response | ((request: Request) => Response)>;

/** An engine that answers `METHOD /path?query`; anything else is FastAPI's 404. `asked` remembers what it was asked. */
async function withEngine(
  answers: Answers,
  work: (baseUrl: string, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    const body = await request.text();
    asked.push(`${request.method} ${url.pathname}${url.search}${body}`);
    const answer = answers[url.pathname];
    if (answer === undefined) return Response.json({ detail: "Not Found" }, { status: 404 });
    return answer instanceof Response ? answer.clone() : answer(request);
  });
  try {
    await work(`http://127.0.0.1:${server.addr.port}`, asked);
  } finally {
    await server.shutdown();
  }
}

const ok = () => new Response(null);
const look = (baseUrl: string, sleeps = false) => engine.look(baseUrl, { sleeps }, signal());

Deno.test("look() finds a serving engine healthy, and asks about sleep only where the tier sleeps", async () => {
  const answers = { "/health": ok(), "/is_sleeping": Response.json({ is_sleeping: true }) };
  await withEngine(answers, async (url, asked) => {
    deepEqual(await look(url), { health: "healthy", portOpen: true });
    deepEqual(asked, ["GET /health"]);
    deepEqual(await look(url, true), { health: "asleep", portOpen: true });
  });
  const awake = { "/health": ok(), "/is_sleeping": Response.json({ is_sleeping: false }) };
  await withEngine(awake, async (url) => equal((await look(url, true)).health, "healthy"));
  await withEngine(
    { "/health": ok() },
    async (url) => equal((await look(url, true)).health, "healthy"),
  );
  const unsure = { "/health": ok(), "/is_sleeping": new Response("?", { status: 500 }) };
  await withEngine(unsure, async (url) => equal((await look(url, true)).health, "unreachable"));
});

Deno.test("look() works behind a path prefix", async () => {
  await withEngine({ "/a/b/health": ok() }, async (url) => {
    equal((await look(`${url}/a/b`)).health, "healthy");
    equal((await look(`${url}/a/b/`)).health, "healthy");
  });
});

Deno.test("look() takes a server without /health for healthy when it lists models", async () => {
  await withEngine(
    { "/v1/models": Response.json({ data: [] }) },
    async (url) => equal((await look(url)).health, "healthy"),
  );
  await withEngine({}, async (url) => equal((await look(url)).health, "unreachable"));
});

Deno.test("look() tells a closed port from an open one that does not answer", async () => {
  let gone = "";
  await withEngine({}, (url) => {
    gone = url;
    return Promise.resolve();
  });
  deepEqual(await look(gone), { health: "unreachable", portOpen: false });
  await withScript((peer) => peer.clientGone(), async ({ url }) => {
    const short = AbortSignal.timeout(100);
    const seen = await engine.look(url.origin, { sleeps: false }, short);
    equal(seen.health, "unreachable");
  });
  await withScript(() => Promise.resolve(), async ({ url }) => {
    deepEqual(await look(url.origin), { health: "unreachable", portOpen: true });
  });
});

Deno.test("healthOf() tells a dead core from an engine that loads and from a proxy with nobody behind", () => {
  const cases: [status: number, text: string, health: string][] = [
    [200, "", "healthy"],
    [200, '{"status":"ok"}', "healthy"],
    [401, '{"error":"Unauthorized"}', "healthy"],
    [404, '{"detail":"Not Found"}', "absent"],
    // vLLM, and vLLM-Omni
    [503, "", "dead"],
    [503, '{"status":"unhealthy"}', "dead"],
    [503, '{"status":"unhealthy","reason":"No engine initialized"}', "dead"],
    [500, '{"error":{"message":"EngineCore encountered an issue."}}', "dead"],
    // llama-server, now and before 2024, and vLLM while it scales
    [
      503,
      '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
      "unreachable",
    ],
    [503, '{"status":"loading model"}', "unreachable"],
    [503, '{"error":"The model is currently scaling. Please try again later."}', "unreachable"],
    // A proxy
    [502, "Bad Gateway", "unreachable"],
    [503, "<html>Service Temporarily Unavailable</html>", "unreachable"],
    [504, "", "unreachable"],
  ];
  for (const [status, text, health] of cases) equal(healthOf({ status, text }), health, text);
});

Deno.test("nap() and rouse() ask for the level, and reload weights that were thrown away", async () => {
  const answers = {
    "/sleep": ok(),
    "/wake_up": ok(),
    "/collective_rpc": Response.json({ results: [] }),
  };
  await withEngine(answers, async (url, asked) => {
    await engine.nap(url, 1, signal());
    await engine.rouse(url, 1, signal());
    await engine.nap(url, 2, signal());
    await engine.rouse(url, 2, signal());
    deepEqual(asked, [
      "POST /sleep?level=1",
      "POST /wake_up",
      "POST /sleep?level=2",
      "POST /wake_up?tags=weights",
      'POST /collective_rpc{"method":"reload_weights"}',
      "POST /wake_up?tags=kv_cache",
    ]);
  });
});

const failsWith = (code: string) => (thrown: unknown) =>
  thrown instanceof AppError && thrown.code === code;

Deno.test("nap() and rouse() throw when the engine refuses, is gone, or the caller gives up", async () => {
  await withEngine({ "/wake_up": new Response(null, { status: 500 }) }, async (url, asked) => {
    await rejects(() => engine.nap(url, 1, signal()), failsWith("upstream_error"));
    await rejects(() => engine.rouse(url, 2, signal()), failsWith("upstream_error"));
    equal(asked.length, 2);
  });
  await rejects(
    () => engine.nap("http://127.0.0.1:1", 1, signal()),
    failsWith("upstream_unreachable"),
  );
  const leaver = new AbortController();
  leaver.abort(new Error("stopping"));
  await rejects(() => engine.rouse("http://127.0.0.1:1", 1, leaver.signal), {
    message: "stopping",
  });
});

Deno.test("models() gives the served names in order, and throws for what is no list", async () => {
  const list = { object: "list", data: [{ id: "b", object: "model", root: "x" }, { id: "a" }] };
  await withEngine(
    { "/v1/models": Response.json(list) },
    async (url) => deepEqual(await engine.models(url, signal()), ["b", "a"]),
  );
  for (const text of ["{}", "not json", '{"data":[{"id":""}]}']) {
    await withEngine(
      { "/v1/models": new Response(text) },
      (url) => rejects(() => engine.models(url, signal()), failsWith("upstream_error")),
    );
  }
  const endless = () => new Response(new Uint8Array(2_000_000));
  await withEngine(
    { "/v1/models": endless },
    (url) => rejects(() => engine.models(url, signal()), failsWith("upstream_unreachable")),
  );
});
