/** Made-up log probabilities: always the same for the same token, always below zero. */

import { Buffer } from "node:buffer";
import { hash32 } from "../random.ts";
import { idOf } from "../tokenizer.ts";

const ALTERNATIVES = [" the", " a", " one", " some", " this", ".", ",", " and", " of", " to"];

/** The log probability of a token, between -0.001 and -1. */
export function logprobOf(token: string): number {
  return -((hash32(token) % 1_000) + 1) / 1_000;
}

/** The token itself and `count - 1` that were not chosen, most likely first. */
function ranking(token: string, count: number): { token: string; logprob: number }[] {
  const own = logprobOf(token);
  const others = ALTERNATIVES.filter((other) => other !== token).map((other, i) => ({
    token: other,
    logprob: Number((own - 1 - i * 0.5).toFixed(3)),
  }));
  return [{ token, logprob: own }, ...others].slice(0, count);
}

/** Chat's `logprobs`. `top` is `top_logprobs`; `asIds` is `return_tokens_as_token_ids`. */
export function chatLogprobs(tokens: readonly string[], top: number, asIds: boolean): string {
  const entry = (token: string, logprob: number) => ({
    token: asIds ? `token_id:${idOf(token)}` : token,
    logprob,
    bytes: [...Buffer.from(token)],
  });
  return JSON.stringify({
    content: tokens.map((token) => ({
      ...entry(token, logprobOf(token)),
      top_logprobs: ranking(token, top).map((other) => entry(other.token, other.logprob)),
    })),
  });
}

/** Completions' `logprobs`; `offset` is where the first token begins in the text. */
export function completionLogprobs(
  tokens: readonly string[],
  top: number,
  offset: number,
  asIds: boolean,
): string {
  const offsets: number[] = [];
  let at = offset;
  for (const token of tokens) {
    offsets.push(at);
    at += token.length;
  }
  const name = (token: string) => asIds ? `token_id:${idOf(token)}` : token;
  return JSON.stringify({
    text_offset: offsets,
    token_logprobs: tokens.map(logprobOf),
    tokens: tokens.map(name),
    top_logprobs: tokens.map((token) =>
      Object.fromEntries(
        ranking(token, Math.max(top, 1)).map((other) => [name(other.token), other.logprob]),
      )
    ),
  });
}
