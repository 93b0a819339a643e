/** Text completions: the whole answer and the chunks. There is no role chunk. */

import type { FinishReason } from "../plan.ts";
import { idOf } from "../tokenizer.ts";
import { promptCount } from "./chat.ts";
import { type ApiError, errorEvent } from "./errors.ts";
import { completionLogprobs } from "./logprobs.ts";
import type { Frame, Shape } from "./shape.ts";
import { closingUsage, fullUsage, runningUsage, type Usage } from "./usage.ts";

export type CompletionOptions = {
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
  /** `logprobs`, a number of alternatives; null without. */
  readonly logprobs: number | null;
  readonly tokensAsIds: boolean;
  readonly returnTokenIds: boolean;
  readonly echo: boolean;
  readonly n: number;
};

/** The completions shape of one answer. Choices are numbered prompt by prompt, `n` for each. */
export function completionShape(frame: Frame, o: CompletionOptions): Shape {
  const { profile, choices, produced } = frame;
  const intro = `{"id":${JSON.stringify(frame.id)},"object":"text_completion"` +
    `,"created":${frame.created},"model":${JSON.stringify(frame.model)},"choices":[`;
  const print = frame.fingerprint === null
    ? ""
    : `,"system_fingerprint":${JSON.stringify(frame.fingerprint)}`;
  const written = choices.map(() => 0);
  const usage = (completion: number): Usage => ({
    prompt: promptCount(frame),
    completion,
    cached: frame.options.promptTokensDetails ? frame.cached() : null,
    reasoning: null,
  });
  const total = () => produced.reduce((sum, n) => sum + n, 0);
  const promptOf = (choice: number) => frame.prompts[Math.floor(choice / o.n)] ?? [];
  const stopOf = (choice: number, finish: FinishReason | null) =>
    JSON.stringify(finish === "stop" ? choices[choice]?.stopReason ?? null : null);
  const idsOf = (tokens: readonly string[]) =>
    o.returnTokenIds ? JSON.stringify(tokens.map(idOf)) : "null";
  const logprobsOf = (tokens: readonly string[], offset: number) =>
    o.logprobs === null ? "null" : completionLogprobs(tokens, o.logprobs, offset, o.tokensAsIds);

  return {
    terminator: "data: [DONE]\n\n",
    opening: () => [],
    delta(choice, from, to, finish) {
      const first = from === 0;
      const tokens = choices[choice]?.tokens.slice(from, to) ?? [];
      const shown = first && o.echo ? [...promptOf(choice), ...tokens] : tokens;
      const text = shown.join("");
      const offset = written[choice] ?? 0;
      written[choice] = offset + text.length;
      const running = o.continuousUsage ? `,"usage":${runningUsage(profile, usage(to))}` : "";
      return [
        `data: ${intro}{"index":${choice},"text":${JSON.stringify(text)}` +
        `,"logprobs":${logprobsOf(shown, offset)},"finish_reason":${JSON.stringify(finish)}` +
        `,"stop_reason":${stopOf(choice, finish)}` +
        `,"prompt_token_ids":${first ? idsOf(promptOf(choice)) : "null"}` +
        `,"token_ids":${idsOf(tokens)}}]${running}` +
        `${finish !== null && !o.includeUsage ? print : ""}}\n\n`,
      ];
    },
    closing() {
      if (!o.includeUsage) return [];
      return [`data: ${intro}],"usage":${closingUsage(profile, usage(total()))}${print}}\n\n`];
    },
    failure: (error: ApiError) => [errorEvent(profile, error)],
    whole() {
      const all = choices.map((choice, i) => {
        const tokens = choice.tokens.slice(0, produced[i] ?? 0);
        const shown = o.echo ? [...promptOf(i), ...tokens] : tokens;
        const finish = frame.ended[i] ?? "abort";
        return `{"index":${i},"text":${JSON.stringify(shown.join(""))}` +
          `,"logprobs":${logprobsOf(shown, 0)},"finish_reason":${JSON.stringify(finish)}` +
          `,"stop_reason":${stopOf(i, finish)},"token_ids":${idsOf(tokens)}` +
          `,"prompt_logprobs":null,"prompt_token_ids":${idsOf(promptOf(i))},"routed_experts":null}`;
      });
      const metrics = profile.perRequestMetrics ? `,"metrics":${frame.timings()}` : "";
      return `${intro}${all.join(",")}],"service_tier":null` +
        `,"system_fingerprint":${JSON.stringify(frame.fingerprint)}` +
        `,"usage":${fullUsage(profile, usage(total()))}` +
        `,"kv_transfer_params":null,"ec_transfer_params":null${metrics}}`;
    },
  };
}
