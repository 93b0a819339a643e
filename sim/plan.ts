/** Decides, before anything is sent, all that one choice will say: its tokens, what they belong to, and how it ends. */

import { isObject, type Json, type JsonObject, valueFor } from "./json_value.ts";
import { hash32, type Random, seeded } from "./random.ts";
import { sampleRegex } from "./regex_sample.ts";
import { answerTokens, echoTokens, noiseTokens, thoughtTokens } from "./text.ts";
import { tokenize } from "./tokenizer.ts";

export type FinishReason = "stop" | "length" | "tool_calls" | "abort";

/** A stretch of tokens that belong to one thing. */
export type Span =
  | { kind: "reasoning"; from: number; to: number }
  | { kind: "text"; from: number; to: number }
  /** Its first token is the call's name, so it carries no text. */
  | { kind: "tool"; from: number; to: number; call: number; name: string };

export type Choice = {
  /** The visible text of each token; may be empty where a stop string was cut away. */
  readonly tokens: readonly string[];
  readonly spans: readonly Span[];
  readonly finish: FinishReason;
  readonly stopReason: string | null;
};

export type Tool = { readonly name: string; readonly parameters: Json };

/** What shape the answer must have. */
export type Wish =
  | { kind: "text" }
  | { kind: "json"; schema: Json }
  | { kind: "regex"; pattern: string }
  | { kind: "one-of"; options: readonly string[] }
  /** `named` finishes with "stop", as vLLM does. */
  | { kind: "tools"; calls: readonly Tool[]; named: boolean };

export type PlanInput = {
  readonly seed: number;
  /** What the seed is mixed with: the prompt and the request's own seed. */
  readonly salt: string;
  readonly choice: number;
  readonly wish: Wish;
  readonly reasoning: boolean;
  /** The text to repeat with `--mode echo`; null otherwise. */
  readonly echo: string | null;
  readonly garbled: boolean;
  readonly maxTokens: number;
  /** Whether the caller gave max_tokens, or the context sets it. */
  readonly maxTokensGiven: boolean;
  readonly minTokens: number;
  readonly ignoreEos: boolean;
  /** Exactly so many tokens, from `x-sim-tokens`. */
  readonly exactTokens: number | null;
  readonly stop: readonly string[];
  readonly includeStop: boolean;
};

/** Shares of the six equal ranges up to max_tokens that lengths are drawn from. Source: llm-d-inference-sim. */
const LENGTH_SHARES = [0.2, 0.3, 0.2, 0.05, 0.1, 0.15];
const FREE_LENGTH_MEAN = 40;
const FREE_LENGTH_STD_DEV = 20;
const REASONING_SHARE = 0.4;

/** The whole of one choice. @throws RangeError for a pattern that cannot be drawn from. */
export function planChoice(input: PlanInput): Choice {
  const random = seeded(hash32(`${input.salt}\u0000${input.choice}`, input.seed));
  const drawn = lengthOf(input, random);
  const body = input.wish.kind === "text" ? null : bodyOf(input.wish, random);
  const tokens: string[] = [];
  const spans: Span[] = [];

  const thought = input.reasoning ? Math.max(1, Math.floor(drawn.count * REASONING_SHARE)) : 0;
  if (thought > 0) {
    const count = Math.min(thought, input.maxTokens);
    push(tokens, thoughtTokens(random, count));
    spans.push({ kind: "reasoning", from: 0, to: count });
  }
  if (body === null) {
    const from = tokens.length;
    push(tokens, answer(input, random, Math.max(drawn.count - from, 0)));
    if (input.echo === null && !input.garbled && drawn.finish === "stop") endSentence(tokens, from);
    spans.push({ kind: "text", from, to: tokens.length });
    return stopped(input, { tokens, spans, finish: drawn.finish, stopReason: null });
  }
  for (const part of body) {
    const from = tokens.length;
    push(tokens, part.tokens);
    spans.push({ ...part.span, from, to: tokens.length });
  }
  const named = input.wish.kind === "tools" && !input.wish.named;
  return limited(input.maxTokens, {
    tokens,
    spans,
    finish: named ? "tool_calls" : "stop",
    stopReason: null,
  });
}

/** The tools a request's last words call for, in `auto` mode: those it names, or the first when it asks for a call. */
export function toolsWanted(tools: readonly Tool[], lastUserText: string): Tool[] {
  const text = lastUserText.toLowerCase();
  const named = tools.filter((tool) => tool.name !== "" && text.includes(tool.name.toLowerCase()));
  if (named.length > 0) return named;
  return /\b(?:call|use|invoke)\b.*\b(?:tool|function)s?\b/.test(text) ? tools.slice(0, 1) : [];
}

function lengthOf(input: PlanInput, random: Random): { count: number; finish: FinishReason } {
  const max = input.maxTokens;
  if (input.exactTokens !== null) {
    const count = Math.min(input.exactTokens, max);
    return { count, finish: count >= max ? "length" : "stop" };
  }
  if (input.ignoreEos) return { count: max, finish: "length" };
  const drawn = input.maxTokensGiven
    ? bucketLength(max, random)
    : Math.round(FREE_LENGTH_MEAN + FREE_LENGTH_STD_DEV * gauss(random));
  const count = Math.min(Math.max(drawn, input.minTokens, 1), max);
  return { count, finish: input.maxTokensGiven && count >= max ? "length" : "stop" };
}

function bucketLength(max: number, random: Random): number {
  let roll = random();
  let bucket = 0;
  while (bucket < LENGTH_SHARES.length - 1 && roll >= (LENGTH_SHARES[bucket] ?? 0)) {
    roll -= LENGTH_SHARES[bucket] ?? 0;
    bucket++;
  }
  const width = max / LENGTH_SHARES.length;
  return Math.floor(bucket * width + random() * width) + 1;
}

function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(Math.max(random(), 1e-12))) * Math.cos(2 * Math.PI * random());
}

function answer(input: PlanInput, random: Random, count: number): string[] {
  if (input.garbled) return noiseTokens(count);
  return input.echo === null ? answerTokens(random, count) : echoTokens(input.echo, count);
}

/** What ends by itself ends with a full stop. */
function endSentence(tokens: string[], from: number): void {
  const last = tokens.length - 1;
  if (last > from && !tokens[last - 1]?.endsWith(".")) tokens[last] = ".";
}

type Part = {
  tokens: string[];
  span: { kind: "text" } | { kind: "tool"; call: number; name: string };
};

function bodyOf(wish: Exclude<Wish, { kind: "text" }>, random: Random): Part[] {
  if (wish.kind === "tools") {
    return wish.calls.map((tool, call) => ({
      tokens: ["", ...tokenize(JSON.stringify(argumentsFor(tool.parameters, random)))],
      span: { kind: "tool", call, name: tool.name },
    }));
  }
  const text = wish.kind === "json"
    ? JSON.stringify(valueFor(wish.schema, random))
    : wish.kind === "regex"
    ? sampleRegex(wish.pattern, random)
    : wish.options[Math.floor(random() * wish.options.length)] ?? "";
  return [{ tokens: tokenize(text), span: { kind: "text" } }];
}

/** Arguments are always an object, whatever a tool's schema says. */
function argumentsFor(parameters: Json, random: Random): JsonObject {
  if (!isObject(parameters)) return {};
  const made = valueFor({ type: "object", ...parameters }, random);
  return isObject(made) ? made : {};
}

/** Cuts a choice that is too long for max_tokens. */
function limited(max: number, choice: Choice): Choice {
  if (choice.tokens.length <= max) return atLeastOne(choice);
  const spans = choice.spans.filter((span) => span.from < max)
    .map((span) => ({ ...span, to: Math.min(span.to, max) }));
  return { tokens: choice.tokens.slice(0, max), spans, finish: "length", stopReason: null };
}

/** Even an empty answer takes a step of the engine: its end. */
function atLeastOne(choice: Choice): Choice {
  if (choice.tokens.length > 0) return choice;
  return { ...choice, tokens: [""], spans: [{ kind: "text", from: 0, to: 1 }] };
}

/** Ends a text at the first stop string that appears in its answer. */
function stopped(input: PlanInput, choice: Choice): Choice {
  const text = choice.spans.at(-1);
  if (input.stop.length === 0 || text === undefined) return choice;
  let said = "";
  for (let i = text.from; i < text.to; i++) {
    said += choice.tokens[i] ?? "";
    const hit = firstStop(said, input.stop);
    if (hit === null || i - text.from + 1 < input.minTokens) continue;
    const keep = hit.at + (input.includeStop ? hit.stop.length : 0);
    const visible = trimTo(choice.tokens.slice(0, i + 1), text.from, keep);
    const spans = [...choice.spans.slice(0, -1), { ...text, to: i + 1 }];
    return { tokens: visible, spans, finish: "stop", stopReason: hit.stop };
  }
  return choice;
}

function firstStop(said: string, stops: readonly string[]): { at: number; stop: string } | null {
  let best: { at: number; stop: string } | null = null;
  for (const stop of stops) {
    const at = said.indexOf(stop);
    if (at >= 0 && (best === null || at < best.at)) best = { at, stop };
  }
  return best;
}

/** Keeps `length` characters of the tokens from `from` on; the rest become empty, but still count. */
function trimTo(tokens: string[], from: number, length: number): string[] {
  let left = length;
  return tokens.map((token, i) => {
    if (i < from) return token;
    const kept = token.slice(0, left);
    left -= kept.length;
    return kept;
  });
}

function push(into: string[], tokens: readonly string[]): void {
  for (const token of tokens) into.push(token);
}
