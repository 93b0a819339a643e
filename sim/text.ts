/** What the simulator says: readable sentences that never hide that no model wrote them. */

import type { Random } from "./random.ts";
import { tokenize } from "./tokenizer.ts";

const OPENINGS = [
  "This is a simulated answer.",
  "No model wrote this; a simulator did.",
  "Here is text from a simulated engine.",
  "You are talking to a simulator.",
  "These words were drawn by a seeded simulator.",
];
const SUBJECTS = [
  "The simulator",
  "This simulated engine",
  "A simulated model",
  "The scheduler",
  "The token stream",
  "Every simulated token",
  "The imitated server",
  "This practice run",
];
const VERBS = [
  "follows the latency it was given",
  "counts each token it sends",
  "keeps its own steady pace",
  "waits for a free slot",
  "stops when the caller leaves",
  "repeats itself for the same seed",
  "needs no GPU at all",
  "holds its place in the queue",
];
const TAILS = [
  "so that a gateway can be tested",
  "while the real weights stay at home",
  "and nothing here is knowledge",
  "because the machine behind it is imagined",
  "as a real one would on a quiet day",
  "and says so when asked",
  "with no opinion of its own",
  "until its length is reached",
];
const THOUGHTS = [
  "I am a simulator, so I only pretend to think.",
  "First I count the tokens that were asked for.",
  "Then I choose a sentence by its seed.",
  "Nothing in the question changes what I know.",
  "The answer should admit that it is simulated.",
  "I check my pace against the clock.",
];

const openings = OPENINGS.map((s) => tokenize(s));
const subjects = SUBJECTS.map((s) => tokenize(` ${s}`));
const verbs = VERBS.map((s) => tokenize(` ${s}`));
const tails = TAILS.map((s) => tokenize(` ${s}.`));
const thoughts = THOUGHTS.map((s) => tokenize(s));
const thoughtsNext = THOUGHTS.map((s) => tokenize(` ${s}`));

/** Exactly `count` tokens of an answer, the last sentence cut where the count ends. */
export function answerTokens(random: Random, count: number): string[] {
  const out: string[] = [];
  if (count > 0) push(out, pick(random, openings), count);
  while (out.length < count) {
    push(out, pick(random, subjects), count);
    push(out, pick(random, verbs), count);
    push(out, pick(random, tails), count);
  }
  return out;
}

/** Exactly `count` tokens of pretended thinking. */
export function thoughtTokens(random: Random, count: number): string[] {
  const out: string[] = [];
  while (out.length < count) push(out, pick(random, out.length ? thoughtsNext : thoughts), count);
  return out;
}

/** Exactly `count` tokens of the given text, repeated when it is too short. */
export function echoTokens(text: string, count: number): string[] {
  const tokens = tokenize(text.length > 0 ? text : " ");
  return Array.from({ length: count }, (_, i) => tokens[i % tokens.length] ?? " ");
}

/** What an engine writes whose weights were discarded and never reloaded: noise, as the real one does. */
export function noiseTokens(count: number): string[] {
  return new Array<string>(count).fill("!");
}

function pick(random: Random, from: readonly string[][]): string[] {
  return from[Math.floor(random() * from.length)] ?? [];
}

function push(out: string[], tokens: readonly string[], limit: number): void {
  for (const token of tokens) {
    if (out.length >= limit) return;
    out.push(token);
  }
}
