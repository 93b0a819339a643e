/**
 * Records exchanges with an engine, as bytes: `deno run -A tests/recordings/record.ts [base URL profile]`. Without
 * arguments the simulator is recorded in each profile; with a URL, a real vLLM that serves the model `m`.
 */
import { startEngine } from "@/sim/engine.ts";
import { DEFAULT_LATENCY } from "@/sim/options.ts";

const HERE = new URL("./", import.meta.url);
const messages = [{ role: "user", content: "Tell me about rivers, briefly" }];
const tools = [{
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
}];
const usage = { stream_options: { include_usage: true, continuous_usage_stats: true } };
const chat = { model: "m", messages, max_tokens: 24, seed: 1 };

/** Name → route and body. The names with `forced` are what the gateway asks; their twins, what a client may ask. */
export const EXCHANGES: Record<string, { path: string; body: Record<string, unknown> }> = {
  "chat": { path: "/v1/chat/completions", body: chat },
  "chat-stream": { path: "/v1/chat/completions", body: { ...chat, stream: true } },
  "chat-stream-forced": { path: "/v1/chat/completions", body: { ...chat, stream: true, ...usage } },
  "chat-stream-two-forced": {
    path: "/v1/chat/completions",
    body: { ...chat, n: 2, temperature: 1, stream: true, ...usage },
  },
  "chat-stream-logprobs-forced": {
    path: "/v1/chat/completions",
    body: { ...chat, stream: true, logprobs: true, top_logprobs: 2, ...usage },
  },
  "chat-stream-tools-forced": {
    path: "/v1/chat/completions",
    body: { ...chat, stream: true, tools, tool_choice: "required", max_tokens: 200, ...usage },
  },
  "completion": {
    path: "/v1/completions",
    body: { model: "m", prompt: "Once", max_tokens: 12, seed: 1 },
  },
  "completion-stream-forced": {
    path: "/v1/completions",
    body: { model: "m", prompt: "Once", max_tokens: 12, seed: 1, stream: true, ...usage },
  },
  "responses": {
    path: "/v1/responses",
    body: { model: "m", input: "Hello", max_output_tokens: 12 },
  },
  "responses-stream": {
    path: "/v1/responses",
    body: { model: "m", input: "Hello", max_output_tokens: 12, stream: true },
  },
  "messages": { path: "/v1/messages", body: { model: "m", messages, max_tokens: 12 } },
  "messages-stream": {
    path: "/v1/messages",
    body: { model: "m", messages, max_tokens: 12, stream: true },
  },
  "embeddings": {
    path: "/v1/embeddings",
    body: { model: "m", input: ["one", "two"], encoding_format: "base64" },
  },
  "rerank": { path: "/v1/rerank", body: { model: "m", query: "q", documents: ["a", "b"] } },
};
export const PROFILES = ["main", "v0.16", "v0.10"] as const;

if (import.meta.main) {
  const [url, profile] = Deno.args;
  if (url !== undefined && profile !== undefined) await record(url, profile);
  else {
    for (const name of PROFILES) {
      const latency = { ...DEFAULT_LATENCY, timeToFirstTokenMs: 1, interTokenLatencyMs: 1 };
      const engine = await startEngine({
        port: 0,
        servedModelNames: ["m"],
        profile: name,
        latency,
        reasoningParser: "r1",
      });
      await record(engine.url, name);
      await engine.close();
    }
  }
}

async function record(url: string, profile: string): Promise<void> {
  await Deno.mkdir(new URL(`${profile}/`, HERE), { recursive: true });
  for (const [name, { path, body }] of Object.entries(EXCHANGES)) {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": "recorded" },
      body: JSON.stringify(body),
    });
    const bytes = await response.bytes();
    if (response.status === 404) continue; // this version has no such route
    if (response.status !== 200) {
      throw new Error(`${profile} ${name}: ${response.status} ${new TextDecoder().decode(bytes)}`);
    }
    const ending = response.headers.get("content-type")?.startsWith("text/event-stream")
      ? "sse"
      : "json";
    await Deno.writeFile(new URL(`${profile}/${name}.${ending}`, HERE), bytes);
  }
}
