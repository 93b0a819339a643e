/**
 * The failures the simulator can be told to have. One grammar serves the `--fault` flag, the `x-sim-fault` header and
 * `/admin/config`: `kind[:name=value[,name=value…]][@rate]`, several in a header separated by `;`.
 */

import { unreachable } from "@/lib/kernel/assert.ts";

export type Fault =
  /** Stop listening for a while, and reset this connection. */
  | { kind: "refuse"; ms: number }
  /** TCP reset before any header. */
  | { kind: "reset" }
  /** The connection stays open and nothing is ever sent. */
  | { kind: "silence" }
  /** Headers come late. */
  | { kind: "slow-headers"; ms: number }
  /** The first token comes late; the headers do not. */
  | { kind: "slow-first-token"; ms: number }
  /** The socket is closed, or reset, after so many tokens. */
  | { kind: "cut"; after: number; reset: boolean }
  /** No more bytes after so many tokens; the connection stays open. */
  | { kind: "stall"; after: number }
  /** One chunk that is not JSON, after so many tokens; then as usual. */
  | { kind: "malformed"; after: number }
  /** The stream ends cleanly, but without its terminator. */
  | { kind: "no-done" }
  /** The stream ends cleanly after so many tokens (null: all) without a finish_reason, usage or terminator. */
  | { kind: "no-finish"; after: number | null }
  /** An error event after so many tokens, then the terminator. */
  | { kind: "error-event"; after: number; message: string; type: string; code: number }
  /** Answer this status instead of generating. */
  | { kind: "status"; code: number; retryAfter: string | null; message: string }
  /** The engine process dies: 500, /health 503, then the server exits. */
  | { kind: "die"; after: number }
  /** The engine gives the request up: `finish_reason:"abort"`, or none at all before the first token. */
  | { kind: "abort"; after: number };

/** A fault, how often it strikes (0 to 1), and the path prefix it is limited to. */
export type FaultRule = {
  readonly fault: Fault;
  readonly rate: number;
  readonly path: string | null;
  /** As it was written, for `GET /admin/config`. */
  readonly text: string;
};

export const FAULT_KINDS = [
  "refuse",
  "reset",
  "silence",
  "slow-headers",
  "slow-first-token",
  "cut",
  "stall",
  "malformed",
  "no-done",
  "no-finish",
  "error-event",
  "status",
  "die",
  "abort",
] as const;
type FaultKind = (typeof FAULT_KINDS)[number];

const DEAD_ENGINE = "EngineCore encountered an issue. See stack trace (above) for the root cause.";

/**
 * Reads one rule.
 * @throws RangeError naming the word that cannot be read and what would do.
 */
export function parseFault(text: string): FaultRule {
  const at = text.lastIndexOf("@");
  const rate = at < 0 ? 1 : Number(text.slice(at + 1));
  if (!(rate >= 0 && rate <= 1)) {
    throw new RangeError(`Cannot use the rate of fault "${text}": give a number from 0 to 1`);
  }
  const [kindText = "", ...rest] = (at < 0 ? text : text.slice(0, at)).trim().split(":");
  const kind = FAULT_KINDS.find((known) => known === kindText);
  if (kind === undefined) {
    throw new RangeError(
      `Cannot read fault "${kindText}": choose one of ${FAULT_KINDS.join(", ")}`,
    );
  }
  const given = readParams(rest.join(":"), text);
  const path = given.take("path");
  const fault = build(kind, given);
  given.finish();
  return { fault, rate, path, text };
}

/** Reads a header: rules separated by `;`. */
export function parseFaults(text: string): FaultRule[] {
  return text.split(";").map((part) => part.trim()).filter((part) => part !== "").map(parseFault);
}

/** The faults that strike one request. `roll` gives numbers in [0, 1). */
export function strike(
  rules: readonly FaultRule[],
  path: string,
  byDefault: boolean,
  roll: () => number,
): Fault[] {
  return rules
    .filter((rule) => (rule.path === null ? byDefault : path.startsWith(rule.path)))
    .filter((rule) => rule.rate >= 1 || roll() < rule.rate)
    .map((rule) => rule.fault);
}

type Params = {
  take(name: string): string | null;
  number(name: string, fallback: number): number;
  finish(): void;
};

function build(kind: FaultKind, given: Params): Fault {
  switch (kind) {
    case "refuse":
      return { kind, ms: given.number("ms", 1_000) };
    case "reset":
    case "silence":
    case "no-done":
      return { kind };
    case "slow-headers":
    case "slow-first-token":
      return { kind, ms: given.number("ms", 1_000) };
    case "cut":
      return { kind, after: given.number("after", 1), reset: given.take("how") === "reset" };
    case "stall":
    case "malformed":
    case "die":
    case "abort":
      return { kind, after: given.number("after", kind === "stall" ? 1 : 0) };
    case "no-finish": {
      const after = given.number("after", -1);
      return { kind, after: after < 0 ? null : after };
    }
    case "error-event":
      return {
        kind,
        after: given.number("after", 1),
        message: given.take("message") ?? DEAD_ENGINE,
        type: given.take("type") ?? "InternalServerError",
        code: given.number("code", 500),
      };
    case "status":
      return {
        kind,
        code: given.number("code", 503),
        retryAfter: given.take("retry-after"),
        message: given.take("message") ?? "Simulated failure",
      };
    default:
      return unreachable(kind);
  }
}

function readParams(text: string, whole: string): Params {
  const values = new Map<string, string>();
  for (const pair of text.split(",").filter((part) => part !== "")) {
    const [name = "", ...value] = pair.split("=");
    values.set(name.trim(), value.join("=").trim());
  }
  const take = (name: string): string | null => {
    const value = values.get(name) ?? null;
    values.delete(name);
    return value;
  };
  return {
    take,
    number(name, fallback) {
      const value = take(name);
      if (value === null) return fallback;
      const number = Number(value);
      if (value === "" || !(number >= 0 && Number.isFinite(number))) {
        throw new RangeError(`Cannot use ${name}=${value} in fault "${whole}": give a number`);
      }
      return number;
    },
    finish() {
      const [unknown] = values.keys();
      if (unknown !== undefined) {
        throw new RangeError(`Cannot read "${unknown}" in fault "${whole}"`);
      }
    },
  };
}
