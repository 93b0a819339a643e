/** What the four generating APIs have in common: how a planned answer becomes bytes, whole or piece by piece. */

import type { Choice, FinishReason } from "../plan.ts";
import type { Profile } from "../profile.ts";
import type { ApiError } from "./errors.ts";

/** What a shape is told about its answer. */
export type Frame = {
  readonly profile: Profile;
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
  readonly fingerprint: string | null;
  /** One list of tokens per prompt. */
  readonly prompts: readonly (readonly string[])[];
  readonly choices: readonly Choice[];
  /** Tokens produced so far, per choice. */
  readonly produced: readonly number[];
  /** How each choice has ended, null while it runs. */
  readonly ended: readonly (FinishReason | null)[];
  /** Tokens of the prompt found in the prefix cache. */
  cached(): number;
  /** The `metrics` object of `--enable-per-request-metrics`, else "null". */
  timings(): string;
  readonly options: {
    readonly promptTokensDetails: boolean;
    readonly reasoning: boolean;
    readonly perRequestMetrics: boolean;
  };
};

/** Bytes of one answer. Every string of a stream is a whole event, with its empty line. */
export type Shape = {
  /** When the first token exists. */
  opening(): string[];
  /** Tokens `from` to `to` of a choice; `finish` with its last. */
  delta(choice: number, from: number, to: number, finish: FinishReason | null): string[];
  /** After the last token of the last choice. */
  closing(): string[];
  /** `[DONE]`, where the API has one. */
  readonly terminator: string;
  /** A failure after the headers. */
  failure(error: ApiError): string[];
  /** The answer in one piece. */
  whole(): string;
};

/** The visible text of a choice's tokens in a range of one kind of span. */
export function textOf(choice: Choice, kind: "reasoning" | "text", until: number): string | null {
  let text: string | null = null;
  for (const span of choice.spans) {
    if (span.kind !== kind || span.from >= until) continue;
    text = (text ?? "") + choice.tokens.slice(span.from, Math.min(span.to, until)).join("");
  }
  return text;
}

/** How many of a choice's first `until` tokens are reasoning. */
export function reasoningTokens(choice: Choice, until: number): number {
  let count = 0;
  for (const span of choice.spans) {
    if (span.kind === "reasoning") count += Math.max(0, Math.min(span.to, until) - span.from);
  }
  return count;
}

/** Splits a range of tokens at the borders of its spans. */
export function pieces(choice: Choice, from: number, to: number) {
  return choice.spans
    .filter((span) => span.from < to && span.to > from)
    .map((span) => ({ span, from: Math.max(span.from, from), to: Math.min(span.to, to) }));
}
