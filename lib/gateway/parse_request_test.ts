import assert from "node:assert/strict";
import { AppError, type ErrorCode } from "@/lib/kernel/errors.ts";
import { INFERENCE_ROUTES } from "./inference_routes.ts";
import { parseBody, readBody } from "./parse_request.ts";
import { webInbound } from "./web_transport.ts";

const BYTES_MAX = 200;
const JSON_TYPE = { "content-type": "application/json" };

function routeOf(path: string) {
  const route = INFERENCE_ROUTES.find((known) => known.path === path);
  assert.ok(route !== undefined);
  return route;
}

type Sent = { path?: string; headers?: Record<string, string>; bytesMax?: number };

async function parse(body: BodyInit | null, { path = "/v1/chat/completions", ...sent }: Sent = {}) {
  const { headers = JSON_TYPE, bytesMax = BYTES_MAX } = sent;
  const request = new Request("http://gateway/", { method: "POST", headers, body });
  return parseBody(await readBody(webInbound(request), bytesMax), routeOf(path));
}

async function refusal(
  body: BodyInit | null,
  sent?: Sent,
): Promise<{ code: ErrorCode; message: string; param: string | null }> {
  try {
    await parse(body, sent);
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    return { code: error.code, message: error.message, param: error.param };
  }
  throw new Error("it was accepted");
}

const CHAT = `{"model":"m","messages":[{"role":"user","content":"hi"}]`;

Deno.test("parseBody() keeps the text and reads what the gateway acts on", async () => {
  const text = `${CHAT},"stream":true,"n":2,"x":1.0}`;
  assert.deepEqual(await parse(text), {
    text,
    isAscii: true,
    model: "m",
    stream: true,
    wantsUsage: false,
    wantsRunningUsage: false,
    choices: 2,
  });
});

Deno.test("parseBody() reads which usage the client asked for; running usage needs usage", async () => {
  const asked = async (options: string) => {
    const body = await parse(`${CHAT},"stream_options":${options}}`);
    return [body.wantsUsage, body.wantsRunningUsage];
  };
  assert.deepEqual(await asked(`{"include_usage":true}`), [true, false]);
  assert.deepEqual(
    await asked(`{"include_usage":true,"continuous_usage_stats":true}`),
    [true, true],
  );
  assert.deepEqual(await asked(`{"continuous_usage_stats":true}`), [false, false]);
  assert.deepEqual(await asked("null"), [false, false]);
});

Deno.test("parseBody() counts the choices of every prompt; token ids are one prompt", async () => {
  const choices = async (prompt: string) =>
    (await parse(`{"model":"m","n":2,"prompt":${prompt}}`, { path: "/v1/completions" })).choices;
  assert.equal(await choices(`"a"`), 2);
  assert.equal(await choices(`["a","b","c"]`), 6);
  assert.equal(await choices("[1,2,3]"), 2);
  assert.equal(await choices("[[1,2],[3]]"), 4);
});

Deno.test("parseBody() takes JSON by its media type, with parameters and in any case", async () => {
  await parse(`${CHAT}}`, { headers: { "content-type": "Application/JSON; charset=utf-8" } });
  for (const type of ["text/plain", "application/jsonl", "multipart/form-data; boundary=x"]) {
    const refused = await refusal(`${CHAT}}`, { headers: { "content-type": type } });
    assert.deepEqual([refused.code, refused.param], ["invalid_request", "content-type"], type);
  }
  const none = await refusal(new TextEncoder().encode(`${CHAT}}`), { headers: {} });
  assert.match(none.message, /no content type/);
});

Deno.test("parseBody() refuses an empty body, text that is no JSON, and JSON that is no object", async () => {
  assert.match((await refusal(null)).message, /empty body/);
  assert.match((await refusal(" \n")).message, /empty body/);
  assert.match((await refusal("[]")).message, /send a JSON object/);
  assert.match((await refusal("null")).message, /send a JSON object/);
  assert.match((await refusal(`"x"`)).message, /send a JSON object/);
});

Deno.test("parseBody() tells where JSON breaks and never quotes the prompt", async () => {
  for (const text of [`${CHAT},"secret prompt"`, `{"content": secret prompt}`, "secret prompt"]) {
    const { code, message } = await refusal(text);
    assert.equal(code, "invalid_request");
    assert.doesNotMatch(message, /secret|prompt/);
  }
});

Deno.test("parseBody() names the field that is missing or mistyped, as OpenAI writes it", async () => {
  const cases: [string, string][] = [
    [`{"messages":[{"role":"user"}]}`, "model"],
    [`{"model":"","messages":[{"role":"user"}]}`, "model"],
    [`{"model":"m"}`, "messages"],
    [`{"model":"m","messages":[]}`, "messages"],
    [`{"model":"m","messages":"hi"}`, "messages"],
    [`{"model":"m","messages":[{"role":"user"},{"content":"secret"}]}`, "messages[1].role"],
    [`${CHAT},"stream":"secret"}`, "stream"],
    [`${CHAT},"n":0}`, "n"],
    [`${CHAT},"n":129}`, "n"],
    [`${CHAT},"max_tokens":-1}`, "max_tokens"],
    [`${CHAT},"temperature":"hot"}`, "temperature"],
    [`${CHAT},"stream_options":{"include_usage":1}}`, "stream_options.include_usage"],
  ];
  for (const [text, param] of cases) {
    const refused = await refusal(text);
    assert.deepEqual([refused.code, refused.param], ["invalid_request", param], text);
    assert.ok(refused.message.includes(`"${param}"`), refused.message);
    assert.doesNotMatch(refused.message, /secret/);
  }
  const other = async (path: string, text: string) => (await refusal(text, { path })).param;
  assert.equal(await other("/v1/completions", `{"model":"m"}`), "prompt");
  assert.equal(await other("/v1/embeddings", `{"model":"m","input":[]}`), "input");
  assert.equal(
    await other("/v1/messages", `{"model":"m","messages":[{"role":"user","content":"a"}]}`),
    "max_tokens",
  );
  assert.equal(await other("/v1/rerank", `{"model":"m","documents":["a"]}`), "query");
  assert.equal(await other("/v1/responses", `{"model":"m"}`), "input");
});

Deno.test("parseBody() takes a body of the most bytes and refuses one more, declared or not", async () => {
  const padded = (bytes: number) => `${CHAT}}`.padEnd(bytes, " ");
  const chunked = (text: string) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        const bytes = new TextEncoder().encode(text);
        for (let at = 0; at < bytes.length; at += 50) {
          controller.enqueue(bytes.subarray(at, at + 50));
        }
        controller.close();
      },
    });
  await parse(padded(BYTES_MAX));
  await parse(chunked(padded(BYTES_MAX)));
  for (const body of [padded(BYTES_MAX + 1), chunked(padded(BYTES_MAX + 1))]) {
    assert.equal((await refusal(body)).code, "request_too_large");
  }
  const lying = { ...JSON_TYPE, "content-length": String(BYTES_MAX + 1) };
  assert.equal((await refusal(`${CHAT}}`, { headers: lying })).code, "request_too_large");
});

Deno.test("parseBody() refuses bytes that are not UTF-8", async () => {
  const bytes = new Uint8Array([...new TextEncoder().encode(CHAT), 0xff, 0x7d]);
  assert.match((await refusal(bytes)).message, /UTF-8/);
});

Deno.test("parseBody() takes a body that breaks off for a client that left", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new TypeError("connection reset"));
    },
  });
  assert.equal((await refusal(broken)).code, "client_closed");
});

Deno.test("parseBody() says of a body whether it is ASCII, and takes it as text as well", () => {
  const route = routeOf("/v1/chat/completions");
  const body = (content: string) =>
    JSON.stringify({ model: "m", messages: [{ role: "user", content }] });
  const bytes = (content: string) => new TextEncoder().encode(body(content));
  const isAscii = (given: Uint8Array | string) => parseBody(given, route).isAscii;
  assert.deepEqual([isAscii(bytes("a")), isAscii(bytes("é")), isAscii(bytes("\ufeff"))], [
    ...[true, false, false],
  ]);
  assert.deepEqual(parseBody(body("a"), route), parseBody(bytes("a"), route));
});
