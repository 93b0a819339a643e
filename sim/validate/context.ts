/** Whether a prompt and what is asked of it fit the model. */

import type { Profile } from "../profile.ts";
import { type ApiError, badRequest } from "../wire/errors.ts";
import { ownBadRequest } from "./body.ts";

/** The longest token of our tokenizer is a chat marker. */
export const CHARS_PER_TOKEN_MAX = 13;

/** What is asked: the prompt's length in tokens and characters, and the output wanted (null: as much as fits). */
export type Asked = {
  readonly promptTokens: number;
  readonly promptChars: number;
  readonly maxTokens: number | null;
  /** The name of the field that held maxTokens. */
  readonly parameter: string;
};

/** The refusal of what does not fit, in the version's own words; null when it fits. */
export function contextError(profile: Profile, maxModelLen: number, asked: Asked): ApiError | null {
  return profile.longContextError ? mainError(maxModelLen, asked) : olderError(maxModelLen, asked);
}

/** The tokens a request may write. */
export function outputLimit(maxModelLen: number, asked: Asked): number {
  const room = maxModelLen - asked.promptTokens;
  return asked.maxTokens === null ? room : Math.min(asked.maxTokens, room);
}

function mainError(maxModelLen: number, asked: Asked): ApiError | null {
  const wanted = asked.maxTokens ?? 0;
  if (wanted > maxModelLen) {
    return ownBadRequest({
      message: `${asked.parameter}=${wanted} cannot be greater than ` +
        `max_model_len=max_total_tokens=${maxModelLen}. Please request fewer output tokens.`,
      parameter: asked.parameter,
      value: String(wanted),
    });
  }
  const room = maxModelLen - wanted;
  const tail =
    "Please reduce the length of the input prompt or the number of requested output tokens.";
  const opening = `This model's maximum context length is ${maxModelLen} tokens. ` +
    `However, you requested ${wanted} output tokens and your prompt contains `;
  const charsMax = room * CHARS_PER_TOKEN_MAX;
  if (asked.promptChars > charsMax) {
    return ownBadRequest({
      message: `${opening}${asked.promptChars} characters (more than ${charsMax} characters, ` +
        `which is the upper bound for ${room} input tokens). ${tail}`,
      parameter: "input_text",
      value: String(asked.promptChars),
    });
  }
  if (asked.promptTokens <= room) return null;
  // counting stops one token past the limit, hence "at least"
  return ownBadRequest({
    message: `${opening}at least ${room + 1} input tokens, for a total of at least ` +
      `${maxModelLen + 1} tokens. ${tail}`,
    parameter: "input_tokens",
    value: String(room + 1),
  });
}

function olderError(maxModelLen: number, asked: Asked): ApiError | null {
  const { promptTokens, maxTokens } = asked;
  if (promptTokens >= maxModelLen) {
    return badRequest(
      `This model's maximum context length is ${maxModelLen} tokens. However, your request has ` +
        `${promptTokens} input tokens. Please reduce the length of the input messages.`,
    );
  }
  if (maxTokens === null || promptTokens + maxTokens <= maxModelLen) return null;
  return badRequest(
    `'max_tokens' or 'max_completion_tokens' is too large: ${maxTokens}. This model's maximum ` +
      `context length is ${maxModelLen} tokens and your request has ${promptTokens} input tokens ` +
      `(${maxTokens} > ${maxModelLen} - ${promptTokens}).`,
  );
}
