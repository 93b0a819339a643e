/**
 * One try on one machine, up to the first content of its answer. The row is opened and the request sent at the same
 * time; nothing is handed on before both stand, so durability costs no visible latency and no byte lacks its row.
 */
import { Cancel, type CancelSignal } from "@/lib/kernel/cancel.ts";
import type { Clock } from "@/lib/kernel/clock.ts";
import { AppError, asAppError } from "@/lib/kernel/errors.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import {
  type Upstream,
  type UpstreamBody,
  UpstreamFailure,
  type UpstreamRequest,
  type UpstreamResponse,
} from "@/lib/engine/upstream.ts";
import { normaliseUpstreamError } from "@/lib/engine/error_shapes.ts";
import { EventSplitter } from "./event_splitter.ts";
import { type JsonAnswer, readJsonAnswer } from "./json_answer.ts";
import { readAnswerBytes } from "./read_bounded.ts";
import { judgeRefusal } from "./upstream_refusal.ts";
import type { StallWatch, WatchedStream } from "./stall_watch.ts";
import type { StreamMeter } from "./stream_meter.ts";

export type AttemptDeps = {
  readonly clock: Clock;
  readonly upstream: Upstream;
  readonly stalls: StallWatch;
};

export type AttemptRequest = {
  readonly tier: TierSpec;
  readonly request: Omit<UpstreamRequest, "signal">;
  /** Fresh for this attempt; null when the client did not ask for a stream. */
  readonly meter: StreamMeter | null;
  readonly publicModel: string;
  /** Resolves once the row is durable: false when the machine takes nothing new. */
  readonly open: Promise<boolean>;
  /** The client leaving, or the gateway stopping. */
  readonly signal: CancelSignal;
};

/** A stream whose first content has arrived and was not sent yet. */
export type OpenStream = {
  readonly meter: StreamMeter;
  readonly splitter: EventSplitter;
  readonly body: UpstreamBody;
  /** Everything up to and including the first content. */
  readonly opening: string;
  /** Set when the opening already held the engine's failure: it is told after the opening. */
  readonly failure: AppError | null;
  readonly watched: WatchedStream;
  /** From now on the stream is ended by its reader, who counts what has arrived first; not by the client's signal. */
  readonly detach: () => void;
  /** Frees the timers; call once, when the stream is over. */
  readonly release: () => void;
  readonly abort: (reason: AppError) => void;
  /** Why it was aborted by a limit; null while it was not. */
  readonly limitError: () => AppError | null;
};

export type AttemptResult =
  | { kind: "stream"; stream: OpenStream }
  | { kind: "json"; answer: JsonAnswer; status: number }
  /** The request itself was refused; no other machine would take it. */
  | { kind: "refused"; error: AppError }
  /** This machine could not serve it; another may. `silent`: it never answered, so it is not asked again. */
  | { kind: "failed"; error: AppError; silent: boolean }
  /** The machine began to drain between our choice and its lock. */
  | { kind: "moved" };

const OPENING_CHARS_MAX = 256_000;
const ERROR_BYTES_MAX = 256_000;

/** Tries once. Rejects only with the signal's reason (the client left, or we stop) or when the ledger does not answer. */
export async function attempt(deps: AttemptDeps, ask: AttemptRequest): Promise<AttemptResult> {
  const limits = limitsOf(deps, ask);
  const sending = deps.upstream.send({ ...ask.request, signal: limits.signal });
  sending.catch(() => {}); // judged below, after the row
  let opened: boolean;
  try {
    opened = await ask.open;
  } catch (error) {
    limits.abort(asAppError(error));
    limits.release();
    throw error;
  }
  if (!opened) {
    limits.abort(new AppError("no_upstream", "The machine takes no new requests"));
    limits.release();
    return { kind: "moved" };
  }
  let handedOn = false;
  try {
    const response = await sending;
    const result = await readOpening(ask, response, limits);
    handedOn = result.kind === "stream";
    return result;
  } catch (error) {
    if (ask.signal.aborted) throw ask.signal.reason;
    limits.abort(asAppError(error)); // a body we cannot make sense of may go on for long
    return failed(limits.limitError() ?? error);
  } finally {
    if (!handedOn) limits.release();
  }
}

type Limits = Pick<OpenStream, "watched" | "detach" | "release" | "abort" | "limitError"> & {
  signal: CancelSignal;
};

/** The attempt's own signal: ends with the client, on silence, or when its time is over. */
function limitsOf({ clock, stalls }: AttemptDeps, { tier, signal }: AttemptRequest): Limits {
  const cancel = new Cancel();
  const onAbort = () => cancel.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort);
  let limitError: AppError | null = null;
  const nowMs = clock.elapsedMs();
  const watched: WatchedStream = {
    silentAtMs: nowMs + tier.limits.first_token,
    overAtMs: nowMs + tier.limits.total,
    onLimit(kind) {
      limitError = new AppError(
        "upstream_timeout",
        kind === "over"
          ? `The request ran longer than the ${tier.limits.total / 1_000} s this tier allows`
          : "The machine stopped sending",
      );
      cancel.abort(limitError);
    },
  };
  const unwatch = stalls.watch(watched);
  return {
    signal: cancel,
    watched,
    abort: (reason) => cancel.abort(reason),
    limitError: () => limitError,
    detach: () => signal.removeEventListener("abort", onAbort),
    release() {
      unwatch();
      signal.removeEventListener("abort", onAbort);
    },
  };
}

async function readOpening(
  ask: AttemptRequest,
  response: UpstreamResponse,
  limits: Limits,
): Promise<AttemptResult> {
  if (response.status >= 400) {
    const text = await readAnswerBytes(response.body, ERROR_BYTES_MAX).catch(() => "");
    const upstream = normaliseUpstreamError(response.status, text ?? "");
    return judgeRefusal(upstream, response.headers.get("retry-after"));
  }
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (ask.meter !== null && isStream) return await openStream(ask.meter, response.body, limits);
  const text = await readAnswerBytes(response.body);
  const answer = text === null ? null : readJsonAnswer(text, ask.publicModel);
  if (answer === null) {
    return failed(
      new AppError("upstream_error", "The machine answered with something that is not JSON"),
    );
  }
  if (answer.aborted) {
    return failed(new AppError("upstream_error", "The machine gave the request up"));
  }
  return { kind: "json", answer, status: response.status };
}

/** Reads until something of the answer is there; only then is this machine committed to. */
async function openStream(
  meter: StreamMeter,
  body: UpstreamBody,
  limits: Limits,
): Promise<AttemptResult> {
  const splitter = new EventSplitter();
  let opening = "";
  while (true) {
    const bytes = await body.read();
    if (bytes === null) {
      return failed(
        new AppError("upstream_error", "The machine ended the stream before it said anything"),
      );
    }
    let content = false;
    let failure: AppError | null = null;
    for (const event of splitter.push(bytes)) {
      const reading = meter.read(event);
      if (reading.kind === "failure") {
        failure = new AppError("upstream_error", `The machine failed: ${reading.message}`);
        break;
      }
      if (reading.kind === "drop") continue;
      opening += reading.text;
      content ||= reading.content;
    }
    if (content) {
      return { kind: "stream", stream: { meter, splitter, body, opening, failure, ...limits } };
    }
    if (failure !== null || opening.length > OPENING_CHARS_MAX) {
      body.cancel();
      return failed(
        failure ?? new AppError("upstream_error", "The machine sent too much before any content"),
      );
    }
  }
}

/** Sorts a failure of the connection or of a limit; the details stay in the cause, which only the log sees. */
function failed(error: unknown): AttemptResult {
  if (error instanceof AppError) {
    return { kind: "failed", error, silent: error.code === "upstream_timeout" };
  }
  const kind = error instanceof UpstreamFailure ? error.kind : "malformed";
  const timedOut = kind === "headers-timeout";
  const message = kind === "cut" || kind === "malformed"
    ? "The machine's answer broke off or made no sense"
    : timedOut
    ? "The machine did not answer in time"
    : "The machine could not be reached";
  const code = timedOut
    ? "upstream_timeout"
    : kind === "unreachable" || kind === "connect-timeout"
    ? "upstream_unreachable"
    : "upstream_error";
  return { kind: "failed", error: new AppError(code, message, { cause: error }), silent: timedOut };
}
