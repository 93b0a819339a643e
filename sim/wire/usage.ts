/** The `usage` objects, which differ between a whole answer, a chunk and the usage chunk. */

import type { Profile } from "../profile.ts";

export type Usage = {
  readonly prompt: number;
  readonly completion: number;
  /** Null unless `--enable-prompt-tokens-details`. */
  readonly cached: number | null;
  /** Null unless a reasoning parser is set. */
  readonly reasoning: number | null;
};

/** In a whole answer: every field, nulls included. */
export function fullUsage(profile: Profile, u: Usage): string {
  const cached = u.cached
    ? `{"cached_tokens":${u.cached},"created_cache_tokens":null,"multimodal_tokens":null}`
    : "null";
  return `{${counts(u)},"prompt_tokens_details":${cached}${completionDetails(profile, u)}}`;
}

/** On every chunk, with `continuous_usage_stats`. */
export function runningUsage(profile: Profile, u: Usage): string {
  return `{${counts(u)}${completionDetails(profile, u)}}`;
}

/** On the usage chunk: no nulls. */
export function closingUsage(profile: Profile, u: Usage): string {
  const cached = u.cached ? `,"prompt_tokens_details":{"cached_tokens":${u.cached}}` : "";
  const reasoning = profile.reasoningTokensInUsage && u.reasoning !== null
    ? `,"completion_tokens_details":{"reasoning_tokens":${u.reasoning}}`
    : "";
  return `{${counts(u)}${cached}${reasoning}}`;
}

function counts(u: Usage): string {
  return `"prompt_tokens":${u.prompt},"total_tokens":${u.prompt + u.completion}` +
    `,"completion_tokens":${u.completion}`;
}

function completionDetails(profile: Profile, u: Usage): string {
  if (!profile.reasoningTokensInUsage) return "";
  const details = u.reasoning === null ? "null" : `{"reasoning_tokens":${u.reasoning}}`;
  return `,"completion_tokens_details":${details}`;
}
