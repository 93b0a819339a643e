/** One account's way to Hyperstack's API: the key, the limits, and every failure classed. Acts are sent once. */
import type { z } from "zod";
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import { ProviderError } from "../provider.ts";
import type { Turns } from "../turns.ts";
import {
  answerFailure,
  type CallKind,
  connectionFailure,
  malformedAnswer,
  RATE_WINDOW,
  retryAfterOf,
} from "./failure.ts";

/** A read that takes longer is given up; an act may take this long and still be carried out. */
const READ_WITHIN: Millis = millis(15_000);
const ACT_WITHIN: Millis = millis(30_000);
const ANSWER_BYTES_MAX = 16_000_000;
/** Its edge turns clients away that do not say who they are. */
const USER_AGENT = "emberlane/0.1";

export type Call<Answer> = {
  /** For the journal. */
  readonly operation: string;
  readonly kind: CallKind;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly answer: z.ZodType<Answer>;
};

export type HyperstackClient = {
  /** Throws ProviderError, or the signal's reason. */
  call<Answer>(call: Call<Answer>, signal: AbortSignal): Promise<Answer>;
  close(): void;
};

export type ClientOptions = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly turns: Turns;
  readonly clock: Clock;
};

export function openClient(
  { baseUrl, apiKey, turns, clock }: ClientOptions,
): HyperstackClient {
  /**
   * Each call has a connection of its own: on one that was kept, `fetch` sends a request again by itself, a POST too,
   * when the connection is reset before the answer. The first may have been carried out.
   */
  const connections = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  async function call<Answer>(
    { operation, kind, method, path, query, body, answer }: Call<Answer>,
    signal: AbortSignal,
  ): Promise<Answer> {
    await turns.take(operation);
    signal.throwIfAborted();
    const url = new URL(baseUrl + path);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const overdue = new AbortController();
    const over = new AbortController();
    const limit = kind === "read" ? READ_WITHIN : ACT_WITHIN;
    void clock.sleep(limit, over.signal).then(() =>
      overdue.abort(new Error(`no answer in ${limit} ms`))
    );
    let status: number;
    let text: string;
    let retryAfterMs: Millis | null;
    try {
      const init: RequestInit & { client: Deno.HttpClient } = {
        method,
        headers: {
          api_key: apiKey,
          accept: "application/json",
          "user-agent": USER_AGENT,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // Acts are GETs: following a redirect would act again.
        redirect: "error",
        client: connections,
        signal: AbortSignal.any([signal, overdue.signal]),
      };
      const response = await fetch(url, init);
      status = response.status;
      retryAfterMs = retryAfterOf(response.headers.get("retry-after"), clock.now());
      text = await boundedText(response);
    } catch (thrown) {
      if (signal.aborted && !overdue.signal.aborted) throw signal.reason;
      throw connectionFailure(operation, kind, redacted(thrown, apiKey));
    } finally {
      over.abort();
    }
    try {
      return readAnswer(
        { operation, kind, answer },
        { status, text: text.replaceAll(apiKey, "…"), retryAfterMs },
      );
    } catch (error) {
      if (error instanceof ProviderError && error.kind === "rate-limited") {
        // The others would be refused as well. That nobody could be told is no reason to hide the refusal.
        await turns.hold(error.options.retryAfterMs ?? RATE_WINDOW).catch(() => {});
      }
      throw error;
    }
  }

  return { call, close: () => connections.close() };
}

function readAnswer<Answer>(
  { operation, kind, answer }: Pick<Call<Answer>, "operation" | "kind" | "answer">,
  { status, text, retryAfterMs }: { status: number; text: string; retryAfterMs: Millis | null },
): Answer {
  let value: unknown = null;
  let isJson = true;
  try {
    value = JSON.parse(text);
  } catch {
    isJson = false;
  }
  const isEnvelope = typeof value === "object" && value !== null;
  const message = isEnvelope ? String(Reflect.get(value as object, "message") ?? "") : null;
  const saysNo = isEnvelope && Reflect.get(value as object, "status") === false;
  if (status >= 400 || saysNo) {
    throw answerFailure(operation, kind, status >= 400 ? status : 400, message, retryAfterMs);
  }
  if (!isJson) throw malformedAnswer(operation, kind, "it is not JSON");
  const parsed = answer.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw malformedAnswer(operation, kind, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

async function boundedText(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) throw new Error(`an answer over ${ANSWER_BYTES_MAX} bytes`);
  }
  return text + decoder.decode();
}

/** An error of the network may quote what was sent. */
function redacted(thrown: unknown, apiKey: string): Error {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new Error(message.replaceAll(apiKey, "…"));
}
