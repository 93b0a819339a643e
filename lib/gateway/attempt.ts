/**
 * One try on one machine, up to the first content of its answer. The row is opened and the request sent at the same
 * time; nothing is handed on before both stand, so durability costs no visible latency and no byte lacks its row.
 */
import type { CancelSignal } from "@/lib/kernel/cancel.ts";
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
import { AttemptLimits, type LimitDeps } from "./attempt_limits.ts";
import { EventSplitter } from "./event_splitter.ts";
import { type JsonAnswer, readJsonAnswer } from "./json_answer.ts";
import { readAnswerBytes } from "./read_bounded.ts";
import { judgeRefusal } from "./upstream_refusal.ts";
import type { StreamMeter } from "./stream_meter.ts";

export type AttemptDeps = LimitDeps & { readonly upstream: Upstream };

export type AttemptRequest = {
  readonly tier: TierSpec;
  readonly request: Omit<UpstreamRequest, "signal">;
  /** Fresh for this attempt; null when the client did not ask for a stream. */
  readonly meter: StreamMeter | null;
  readonly publicModel: string;
  /**
   * Opens the row, called once the request is on its way, which is not held up by it. Resolves once the row is durable:
   * false when the machine takes nothing new.
   */
  open(): Promise<boolean>;
  /** The client leaving, or the gateway stopping. */
  readonly signal: CancelSignal;
};

/** A stream whose first content has arrived and was not sent yet. */
export type OpenStream = {
  readonly limits: AttemptLimits;
  readonly meter: StreamMeter;
  readonly splitter: EventSplitter;
  readonly body: UpstreamBody;
  /** Everything up to and including the first content. */
  readonly opening: string;
  /** Set when the opening already held the engine's failure: it is told after the opening. */
  readonly failure: AppError | null;
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
  const limits = new AttemptLimits(deps, ask.tier, ask.signal);
  const sending = deps.upstream.send({ ...ask.request, signal: limits.signal });
  sending.catch(() => {}); // judged below, after the row
  let opened: boolean;
  try {
    opened = await ask.open();
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
    const read = readOpening(ask, await sending, limits);
    const result = read instanceof Promise ? await read : read;
    handedOn = result.kind === "stream";
    return result;
  } catch (error) {
    if (ask.signal.aborted) throw ask.signal.reason;
    limits.abort(asAppError(error)); // a body we cannot make sense of may go on for long
    return failed(limits.error ?? error);
  } finally {
    if (!handedOn) limits.release();
  }
}

/** At once where the whole answer is there. */
function readOpening(
  ask: AttemptRequest,
  response: UpstreamResponse,
  limits: AttemptLimits,
): AttemptResult | Promise<AttemptResult> {
  if (response.status >= 400) return readRefusal(response);
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (ask.meter !== null && isStream) return openStream(ask.meter, response.body, limits);
  const judged = (text: string | null) => judgeWhole(ask, response.status, text);
  const text = readAnswerBytes(response.body);
  return text instanceof Promise ? text.then(judged) : judged(text);
}

async function readRefusal({ status, headers, body }: UpstreamResponse): Promise<AttemptResult> {
  let text: string | null = "";
  try {
    text = await readAnswerBytes(body, ERROR_BYTES_MAX);
  } catch {
    // A refusal that breaks off is one without words.
  }
  return judgeRefusal(normaliseUpstreamError(status, text ?? ""), headers.get("retry-after"));
}

function judgeWhole(ask: AttemptRequest, status: number, text: string | null): AttemptResult {
  const answer = text === null ? null : readJsonAnswer(text, ask.publicModel);
  if (answer === null) {
    return failed(
      new AppError("upstream_error", "The machine answered with something that is not JSON"),
    );
  }
  if (answer.aborted) {
    return failed(new AppError("upstream_error", "The machine gave the request up"));
  }
  return { kind: "json", answer, status };
}

/** Reads until something of the answer is there; only then is this machine committed to. */
async function openStream(
  meter: StreamMeter,
  body: UpstreamBody,
  limits: AttemptLimits,
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
      return { kind: "stream", stream: { limits, meter, splitter, body, opening, failure } };
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
