/** One streamed chat completion as a serving benchmark sees it. */
import type { Prompt } from "./serve_load.ts";

export type ServeTarget = {
  readonly url: string;
  readonly model: string;
  readonly key: string | null;
  readonly ignoreEos: boolean;
};

export type Outcome = {
  /** Why it failed; null when it came whole. */
  readonly error: string | null;
  readonly ttftMs: number;
  readonly e2elMs: number;
  readonly itlMs: readonly number[];
  readonly inputTokens: number;
  readonly outputTokens: number;
};

type Chunk = {
  error?: unknown;
  choices?: { finish_reason?: string | null }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
};

/** Never rejects: a failure is an outcome. */
export async function askStream(target: ServeTarget, prompt: Prompt): Promise<Outcome> {
  const startMs = performance.now();
  const seen = { ttftMs: NaN, lastMs: NaN, endMs: NaN, itlMs: [] as number[] };
  let tokens = { input: 0, output: 0 };
  const done = (error: string | null): Outcome => ({
    error,
    ttftMs: seen.ttftMs,
    e2elMs: seen.endMs - startMs,
    itlMs: seen.itlMs,
    inputTokens: tokens.input,
    outputTokens: tokens.output,
  });
  try {
    const response = await fetch(`${target.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(target.key === null ? {} : { authorization: `Bearer ${target.key}` }),
      },
      body: JSON.stringify({
        model: target.model,
        messages: [{ role: "user", content: prompt.text }],
        max_tokens: prompt.outputLen,
        stream: true,
        stream_options: { include_usage: true },
        ...(target.ignoreEos ? { ignore_eos: true } : {}),
      }),
    });
    if (!response.ok) return done(`${response.status} ${(await response.text()).slice(0, 200)}`);
    let finish: string | null = null;
    let isDone = false;
    for await (const data of events(response.body)) {
      const atMs = performance.now();
      if (data === "[DONE]") {
        isDone = true;
        continue;
      }
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error !== undefined) return done(`error event: ${JSON.stringify(chunk.error)}`);
      if (chunk.choices !== undefined && chunk.choices.length > 0) {
        if (Number.isNaN(seen.ttftMs)) seen.ttftMs = atMs - startMs;
        else seen.itlMs.push(atMs - seen.lastMs);
        seen.lastMs = atMs;
        finish = chunk.choices[0]?.finish_reason ?? finish;
      }
      if (chunk.usage) {
        tokens = {
          input: chunk.usage.prompt_tokens ?? tokens.input,
          output: chunk.usage.completion_tokens ?? tokens.output,
        };
      }
      seen.endMs = atMs;
    }
    if (finish === null) return done("the stream ended without a finish_reason");
    return done(isDone ? null : "the stream ended without [DONE]");
  } catch (error) {
    return done(error instanceof Error ? error.message : String(error));
  }
}

/** The data of each event; comments and other fields are passed over. */
async function* events(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
): AsyncGenerator<string> {
  if (body === null) return;
  let held = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    held += text;
    const lines = held.split(/\r?\n/);
    held = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
  }
}
