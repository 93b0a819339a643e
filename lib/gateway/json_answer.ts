/** Reads a whole JSON answer: what it used, how it finished, and under which name the model is told. Pure. */
import { type Member, membersOf, skipSpace } from "./json_splice.ts";
import { type MeteredUsage, numberAfter } from "./stream_meter.ts";

export type JsonAnswer = {
  /** The answer to send: the engine's own text, the model named as the catalogue has it. */
  readonly text: string;
  readonly usage: MeteredUsage;
  readonly finishReason: string | null;
  /** The engine gave up although the client did not: the answer must not be passed off as one. */
  readonly aborted: boolean;
};

/** What both names end with, and what may stand before it. */
const REASON = '_reason":';
const REASONS = ['"finish', '"stop'];
const WORD = /^[a-z_]+$/;
const ABORTED = /"finish_reason":\s*"abort"/;

/** Null when the text is not a JSON object: no engine answers so. */
export function readJsonAnswer(text: string, publicModel: string): JsonAnswer | null {
  if (!text.trimStart().startsWith("{") || !text.trimEnd().endsWith("}")) return null;
  const members = membersOf(text);
  const choices = valueOf(text, members, "choices") ?? "";
  const finishReason = finishOf(choices) ??
    plainText(valueOf(text, members, "stop_reason")) ??
    responseStatus(plainText(valueOf(text, members, "status")));
  return {
    text: renamed(text, memberOf(members, "model"), publicModel),
    usage: usageOf(valueOf(text, members, "usage")),
    finishReason,
    // vLLM's Messages leave the stop reason out of an answer it gave up.
    aborted: choices.includes('"abort"') && ABORTED.test(choices) ||
      finishReason === null && plainText(valueOf(text, members, "type")) === "message",
  };
}

/** The first of a name. */
function memberOf(members: readonly Member[], key: string): Member | null {
  for (const member of members) if (member.key === key) return member;
  return null;
}

function valueOf(text: string, members: readonly Member[], key: string): string | null {
  const member = memberOf(members, key);
  return member === null ? null : text.slice(member.valueStart, member.end);
}

/** The first finish or stop reason that is a word. */
function finishOf(choices: string): string | null {
  for (let at = choices.indexOf(REASON); at !== -1; at = choices.indexOf(REASON, at + 1)) {
    if (!REASONS.some((name) => choices.endsWith(name, at))) continue;
    const open = skipSpace(choices, at + REASON.length);
    const close = choices.indexOf('"', open + 1);
    if (choices.charCodeAt(open) !== QUOTE || close === -1) continue;
    const word = choices.slice(open + 1, close);
    if (WORD.test(word)) return word;
  }
  return null;
}

const QUOTE = 0x22;

function usageOf(usage: string | null): MeteredUsage {
  if (usage === null || usage === "null") {
    return { promptTokens: 0, completionTokens: 0, cachedTokens: 0, from: "none" };
  }
  return {
    promptTokens: numberAfter(usage, '"prompt_tokens":') ?? numberAfter(usage, '"input_tokens":') ??
      0,
    completionTokens: numberAfter(usage, '"completion_tokens":') ??
      numberAfter(usage, '"output_tokens":') ?? 0,
    cachedTokens: numberAfter(usage, '"cached_tokens":') ??
      numberAfter(usage, '"cache_read_input_tokens":') ?? 0,
    from: "engine",
  };
}

function renamed(text: string, model: Member | null, publicModel: string): string {
  if (model === null) return text;
  const told = JSON.stringify(publicModel);
  if (text.slice(model.valueStart, model.end) === told) return text;
  return text.slice(0, model.valueStart) + told + text.slice(model.end);
}

function plainText(json: string | null): string | null {
  return json !== null && json.startsWith('"') ? json.slice(1, -1) : null;
}

/** The Responses API says how it ended by its status. */
function responseStatus(status: string | null): string | null {
  if (status === "completed") return "stop";
  return status === "incomplete" ? "length" : status;
}
