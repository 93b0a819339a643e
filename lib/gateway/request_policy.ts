/** What a request asks of its routing and its waiting, read from headers. Pure. */
import { type Millis, millis, seconds } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { type Band, BANDS } from "@/lib/kernel/fleet_file.ts";
import { type NanoUsd, parseUsd } from "@/lib/kernel/money.ts";
import type { HeaderLookup } from "./transport.ts";

export type RequestPolicy = {
  readonly band: Band | null;
  /** The most it pays per million output tokens. */
  readonly maxOutputNanoUsd: NanoUsd | null;
  /** Pins the conversation to one machine while that is ready. */
  readonly sessionId: string | null;
  /** `Prefer: wait=N` (RFC 7240): answer 503 rather than hold longer. */
  readonly preferWait: Millis | null;
  /** `x-emberlane-wake: stream`: commit the headers and send heartbeats while a machine wakes. */
  readonly streamedWake: boolean;
  /** When the official SDKs give up by themselves (`X-Stainless-Timeout`), less a margin to be first. */
  readonly clientPatience: Millis | null;
};

const SESSION_ID_MAX = 256;
const WAIT_S_MAX = 3_600;
/** A client that gives up first retries, and each retry would wake again; so the answer leaves a little earlier. */
const PATIENCE_MARGIN = 0.02;
const PATIENCE_MARGIN_MIN_MS = 500;

/** Throws AppError `invalid_request` that names the header, its value and what would do. */
export function policyOf(headers: HeaderLookup): RequestPolicy {
  return {
    band: bandOf(headers.get("x-emberlane-band")),
    maxOutputNanoUsd: maxPriceOf(headers.get("x-emberlane-max-price")),
    sessionId: sessionOf(headers.get("x-session-id") ?? headers.get("x-podvirt-session-id")),
    preferWait: preferWaitOf(headers.get("prefer")),
    streamedWake: streamedWakeOf(headers.get("x-emberlane-wake")),
    clientPatience: patienceOf(headers.get("x-stainless-timeout")),
  };
}

function refuse(header: string, value: string, remedy: string): AppError {
  const shown = JSON.stringify(value.slice(0, 60));
  return new AppError("invalid_request", `Cannot use the header ${header}: ${shown}: ${remedy}`, {
    param: header,
  });
}

function bandOf(value: string | null): Band | null {
  if (value === null) return null;
  const band = BANDS.find((known) => known === value.trim().toLowerCase());
  if (band === undefined) throw refuse("x-emberlane-band", value, `send ${BANDS.join(" or ")}`);
  return band;
}

function maxPriceOf(value: string | null): NanoUsd | null {
  if (value === null) return null;
  const price = parseUsd(value);
  if (price === null || price < 0n) {
    throw refuse(
      "x-emberlane-max-price",
      value,
      'send dollars per million output tokens, such as "0.60"',
    );
  }
  return price;
}

function sessionOf(value: string | null): string | null {
  if (value === null || value === "") return null;
  if (value.length > SESSION_ID_MAX) {
    throw refuse("x-session-id", value, `send at most ${SESSION_ID_MAX} characters`);
  }
  return value;
}

/** RFC 7240 asks to ignore preferences one does not know or cannot read; only a sane `wait` counts. */
function preferWaitOf(value: string | null): Millis | null {
  if (value === null) return null;
  const wait = /(?:^|,)\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:;|,|$)/i.exec(value)?.[1];
  return wait === undefined ? null : seconds(Math.min(Number(wait), WAIT_S_MAX));
}

function streamedWakeOf(value: string | null): boolean {
  if (value === null || value === "hold") return false;
  if (value !== "stream") throw refuse("x-emberlane-wake", value, "send stream or hold");
  return true;
}

function patienceOf(value: string | null): Millis | null {
  if (value === null) return null;
  const timeoutMs = Number(value) * 1_000;
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) return null;
  return millis(
    Math.max(0, timeoutMs - Math.max(PATIENCE_MARGIN_MIN_MS, timeoutMs * PATIENCE_MARGIN)),
  );
}
