/** Control calls to vLLM and to anything that speaks its API: health, sleep mode and models, each bounded. */
import { z } from "zod";
import { AppError } from "@/lib/kernel/errors.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Engine, EngineSight } from "./engine.ts";

/** A look that takes longer saw nobody. Then it still tries the port; both end within the keeper's own 5 s. */
const LOOK_MS_MAX = 3_000;
const CONNECT_MS_MAX = 1_000;
/** The first sleep of a large model pins its host memory and was seen to take 42 s. Source: reference of vLLM's sleep mode. */
const SLEEP_MS_MAX = 300_000;
const ANSWER_BYTES_MAX = 1_000_000;

const healthAnswer = z.object({ status: z.string(), error: z.unknown() }).partial();
const sleepingAnswer = z.object({ is_sleeping: z.boolean() });
const modelList = z.object({ data: z.array(z.object({ id: z.string().min(1) })).max(10_000) });

/** Looks are seconds apart and vLLM closes idle connections after 5 s: a kept one would often be stale. */
const freshConnections = Deno.createHttpClient({ poolMaxIdlePerHost: 0, http2: false });

export type EngineDeps = {
  readonly log: Log;
  /** Replaced in tests. */
  readonly fetch?: typeof fetch;
};

type Answer = { readonly status: number; readonly text: string };
type Ask = (url: string, init: RequestInit, signal: AbortSignal) => Promise<Answer>;

/** The engine's control calls over `fetch`. */
export function createEngine({ log, fetch: ask = fetch }: EngineDeps): Engine {
  const call: Ask = async (url, init, signal) => {
    const bounded: RequestInit & { client: Deno.HttpClient } = {
      ...init,
      redirect: "manual",
      signal,
      client: freshConnections,
    };
    const response = await ask(url, bounded);
    return { status: response.status, text: await boundedText(response) };
  };
  return {
    look: (baseUrl, options, signal) => look(call, baseUrl, options, signal),
    nap: async (baseUrl, level, signal) => {
      await control(call, log, baseUrl, `/sleep?level=${level}`, null, signal);
    },
    rouse: (baseUrl, level, signal) => rouse(call, log, baseUrl, level, signal),
    models: (baseUrl, signal) => models(call, baseUrl, signal),
  };
}

async function look(
  call: Ask,
  baseUrl: string,
  { sleeps }: { sleeps: boolean },
  signal: AbortSignal,
): Promise<EngineSight> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS_MAX)]);
  let answer: Answer;
  try {
    answer = await call(joinUrl(baseUrl, "/health"), {}, limit);
  } catch {
    return { health: "unreachable", portOpen: await acceptsConnection(baseUrl, signal) };
  }
  const health = healthOf(answer);
  if (health === "absent") return await lookAtModels(call, baseUrl, limit);
  if (health !== "healthy" || !sleeps) return { health, portOpen: true };
  return { health: await sleepHealth(call, baseUrl, limit), portOpen: true };
}

/**
 * What an answer to `/health` says. vLLM: 200, or an empty 503 once its core is dead. vLLM-Omni: JSON with `status`.
 * llama-server answers 503 "Loading model" while it loads, vLLM 503 while it scales: alive, but not yet. A 502, 504
 * or a page of HTML comes from something in front of an engine that does not answer. `absent`: it has no `/health`.
 */
export function healthOf(
  { status, text }: Answer,
): "healthy" | "dead" | "unreachable" | "absent" {
  if (status === 404 || status === 405) return "absent";
  // A key is wanted, or it redirects: somebody is there and serves.
  if (status < 500) return "healthy";
  if (status === 502 || status === 504) return "unreachable";
  const body = text.trim();
  if (body === "") return "dead";
  const json = healthAnswer.safeParse(parseJson(body));
  if (!json.success) return "unreachable";
  const said = json.data.status?.toLowerCase();
  if (said === "unhealthy") return "dead";
  return /\b(loading|starting|initiali[sz]ing|scaling|warming)\b/i.test(body)
    ? "unreachable"
    : "dead";
}

/** For servers without `/health` (Ollama, LM Studio): who lists models, serves. */
async function lookAtModels(
  call: Ask,
  baseUrl: string,
  signal: AbortSignal,
): Promise<EngineSight> {
  try {
    const { status } = await call(joinUrl(baseUrl, "/v1/models"), {}, signal);
    const serves = status === 200 || status === 401 || status === 403;
    return { health: serves ? "healthy" : "unreachable", portOpen: true };
  } catch {
    return { health: "unreachable", portOpen: true };
  }
}

/**
 * `/is_sleeping` is the truth; the metric is reset by a partial wake. A server without it (no dev mode) never
 * sleeps; one that does not answer it is not called awake, for requests would queue in a sleeping engine.
 */
async function sleepHealth(
  call: Ask,
  baseUrl: string,
  signal: AbortSignal,
): Promise<"healthy" | "asleep" | "unreachable"> {
  try {
    const { status, text } = await call(joinUrl(baseUrl, "/is_sleeping"), {}, signal);
    if (status === 404 || status === 405) return "healthy";
    const parsed = sleepingAnswer.safeParse(parseJson(text));
    if (status !== 200 || !parsed.success) return "unreachable";
    return parsed.data.is_sleeping ? "asleep" : "healthy";
  } catch {
    return "unreachable";
  }
}

/**
 * Level 1 brings the weights back from host memory. Level 2 threw them away: the memory is taken, the weights
 * are read again, and only then the cache. Source: vLLM's sleep mode documentation.
 */
async function rouse(
  call: Ask,
  log: Log,
  baseUrl: string,
  level: 1 | 2,
  signal: AbortSignal,
): Promise<void> {
  if (level === 1) return await control(call, log, baseUrl, "/wake_up", null, signal);
  await control(call, log, baseUrl, "/wake_up?tags=weights", null, signal);
  await control(call, log, baseUrl, "/collective_rpc", { method: "reload_weights" }, signal);
  await control(call, log, baseUrl, "/wake_up?tags=kv_cache", null, signal);
}

async function control(
  call: Ask,
  log: Log,
  baseUrl: string,
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(SLEEP_MS_MAX)]);
  const init: RequestInit = body === null ? { method: "POST" } : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const { status, text } = await call(joinUrl(baseUrl, path), init, limit).catch((cause) => {
    if (signal.aborted) throw signal.reason;
    throw new AppError("upstream_unreachable", `The engine did not answer ${path}`, { cause });
  });
  if (status >= 200 && status < 300) return;
  log.warn("engine.control_refused", { path, status, answer: text.slice(0, 300) });
  throw new AppError("upstream_error", `The engine answered ${status} to ${path}`);
}

async function models(
  call: Ask,
  baseUrl: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS_MAX)]);
  const { status, text } = await call(joinUrl(baseUrl, "/v1/models"), {}, limit).catch((cause) => {
    if (signal.aborted) throw signal.reason;
    throw new AppError("upstream_unreachable", "The engine did not list its models", { cause });
  });
  const parsed = modelList.safeParse(parseJson(text));
  if (status !== 200 || !parsed.success) {
    throw new AppError("upstream_error", `The engine answered ${status} to /v1/models`);
  }
  return parsed.data.data.map((card) => card.id);
}

/** Whether anybody listens: vLLM's port refuses until the engine is ready, so an open one means it hangs or is busy. */
async function acceptsConnection(baseUrl: string, signal: AbortSignal): Promise<boolean> {
  const url = new URL(baseUrl);
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS_MAX)]);
  try {
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    (await Deno.connect({ hostname, port, signal: limit })).close();
    return true;
  } catch {
    return false;
  }
}

/** `https://host/prefix` and `/health` give `https://host/prefix/health`. */
export function joinUrl(baseUrl: string, path: string): string {
  return baseUrl.replace(/\/+$/, "") + path;
}

async function boundedText(response: Response): Promise<string> {
  if (response.body === null) return "";
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body) {
    length += part.length;
    if (length > ANSWER_BYTES_MAX) throw new Error(`The answer exceeds ${ANSWER_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return await new Blob(parts as Uint8Array<ArrayBuffer>[]).text();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
