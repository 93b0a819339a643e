/** A frame for tests: an answer whose tokens, ids and times are fixed. */

import { type Choice, type FinishReason, type Span } from "../plan.ts";
import { type ProfileName, profileOf } from "../profile.ts";
import type { Frame } from "./shape.ts";

/** A choice of plain text. */
export function textChoice(tokens: readonly string[], finish: FinishReason = "stop"): Choice {
  const spans: Span[] = [{ kind: "text", from: 0, to: tokens.length }];
  return { tokens, spans, finish, stopReason: null };
}

/** A finished answer to a prompt of `promptTokens` tokens. */
export function frameOf(
  choices: readonly Choice[],
  given: {
    profile?: ProfileName;
    id?: string;
    promptTokens?: number;
    cached?: number;
    produced?: number[];
    reasoning?: boolean;
    promptTokensDetails?: boolean;
  } = {},
): Frame {
  const profile = profileOf(given.profile ?? "main");
  return {
    profile,
    id: given.id ?? "chatcmpl-abc",
    created: 1_755_000_000,
    model: "m",
    fingerprint: profile.systemFingerprint ? "vllm-0.24.0-abcdef01" : null,
    prompts: [new Array<string>(given.promptTokens ?? 5).fill("x")],
    choices,
    produced: given.produced ?? choices.map((choice) => choice.tokens.length),
    ended: choices.map((choice) => choice.finish),
    cached: () => given.cached ?? 0,
    timings: () => "null",
    options: {
      promptTokensDetails: given.promptTokensDetails ?? false,
      reasoning: given.reasoning ?? false,
      perRequestMetrics: false,
    },
  };
}
