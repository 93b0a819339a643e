/**
 * Writes `tests/recordings/` anew, from the simulator with fixed seed, ids and time:
 *
 *   deno run -A tests/gateway/record.ts
 *
 * Run it when what the simulator imitates has changed, and read the diff.
 */
import { instant, systemClock } from "@/lib/kernel/clock.ts";
import { type Engine, startEngine } from "@/sim/engine.ts";
import { DEFAULT_LATENCY } from "@/sim/options.ts";
import { PROFILE_NAMES, type ProfileName, profileOf } from "@/sim/profile.ts";
import { type Recording, writeRecording } from "./recording.ts";

const CREATED_MS = 1_755_000_000_000;
const messages = [{ role: "user", content: "Tell me of the fire — and of 水" }];
const tool = {
  name: "get_weather",
  description: "The weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const call = [{ role: "user", content: "Please call get_weather" }];
const chat = { model: "m", messages, max_tokens: 10, seed: 7 };

/** Chunk streams; each is recorded without usage, with usage, and with running usage. */
const CHUNKS: Record<string, [path: string, body: Record<string, unknown>]> = {
  "chat": ["/v1/chat/completions", chat],
  "chat-n2": ["/v1/chat/completions", { ...chat, n: 2 }],
  "chat-tools": ["/v1/chat/completions", {
    ...chat,
    messages: call,
    max_tokens: 60,
    tools: [{ type: "function", function: tool }],
  }],
  "chat-logprobs": ["/v1/chat/completions", { ...chat, logprobs: true, top_logprobs: 2 }],
  "chat-reasoning": ["/v1/chat/completions", { ...chat, max_tokens: 16 }],
  "completions": ["/v1/completions", { model: "m", prompt: "Once", max_tokens: 8, seed: 7 }],
  "completions-two": ["/v1/completions", {
    model: "m",
    prompt: ["Once", "Twice upon"],
    max_tokens: 6,
    seed: 7,
    logprobs: 1,
  }],
};

/** Typed events, recorded as a stream and whole. */
const TYPED: Record<string, [path: string, body: Record<string, unknown>]> = {
  "responses": ["/v1/responses", {
    model: "m",
    input: "Tell me of the fire",
    max_output_tokens: 8,
    metadata: { model: "not the model" },
  }],
  "messages": ["/v1/messages", chat],
  "messages-tools": ["/v1/messages", {
    ...chat,
    messages: call,
    max_tokens: 60,
    tools: [{ name: tool.name, input_schema: tool.parameters }],
  }],
};

const WHOLE: Record<string, [path: string, body: Record<string, unknown>]> = {
  "embeddings": ["/v1/embeddings", { model: "m", input: ["a fire", "水"], dimensions: 8 }],
  "embeddings-base64": ["/v1/embeddings", {
    model: "m",
    input: "a fire",
    dimensions: 8,
    encoding_format: "base64",
  }],
  "rerank": ["/v1/rerank", { model: "m", query: "fire", documents: ["a fire", "a lake"] }],
};

async function exchange(
  engine: Engine,
  path: string,
  body: Record<string, unknown>,
): Promise<Recording> {
  countIdsFrom(0);
  const text = JSON.stringify(body);
  const response = await fetch(engine.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-request-id": "recorded" },
    body: text,
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${answer}`);
  return { path, body: text, contentType: response.headers.get("content-type") ?? "", answer };
}

let ids = 0;
const countIdsFrom = (first: number) => void (ids = first);
/** Ids that are the same at every recording. */
crypto.randomUUID = () => `00000000-0000-4000-8000-${(ids++).toString(16).padStart(12, "0")}`;

async function record(profile: ProfileName): Promise<void> {
  const options = {
    port: 0,
    profile,
    model: "org/m",
    servedModelNames: ["m"],
    latency: { ...DEFAULT_LATENCY, timeToFirstTokenMs: 5, interTokenLatencyMs: 5 },
    promptTokensDetails: true,
    prefixCaching: false,
    logStats: false,
  };
  const clock = { ...systemClock, now: () => instant(CREATED_MS) };
  const plain = await startEngine(options, { clock });
  const thinking = await startEngine({ ...options, reasoningParser: "deepseek_r1" }, { clock });
  for (const [name, [path, body]] of Object.entries(CHUNKS)) {
    const engine = name === "chat-reasoning" ? thinking : plain;
    const stream = { ...body, stream: true };
    const usage = { include_usage: true };
    const running = { ...usage, continuous_usage_stats: true };
    const ways = {
      plain: {},
      usage: { stream_options: usage },
      running: { stream_options: running },
    };
    for (const [way, more] of Object.entries(ways)) {
      writeRecording(
        profile,
        `${name}.${way}`,
        await exchange(engine, path, { ...stream, ...more }),
      );
    }
    writeRecording(profile, `${name}.whole`, await exchange(engine, path, body));
  }
  for (const [name, [path, body]] of Object.entries(TYPED)) {
    if (path === "/v1/messages" && !profileOf(profile).anthropicMessages) continue;
    const stream = await exchange(plain, path, { ...body, stream: true });
    writeRecording(profile, `${name}.stream`, stream);
    writeRecording(profile, `${name}.whole`, await exchange(plain, path, body));
  }
  for (const [name, [path, body]] of Object.entries(WHOLE)) {
    writeRecording(profile, `${name}.whole`, await exchange(plain, path, body));
  }
  await plain.close();
  await thinking.close();
}

if (import.meta.main) {
  for (const profile of PROFILE_NAMES) await record(profile);
}
