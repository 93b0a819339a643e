/** The routes that only look: health, version, models, load, metrics, tokens. */

import { type Context, type Exchange, servesModel } from "../context.ts";
import { randomHex } from "../random.ts";
import { idOf, tokenize, tokenOf } from "../tokenizer.ts";
import { checkBody, type Field } from "../validate/body.ts";
import { renderChat } from "../validate/chat.ts";
import { textOf } from "../validate/sampling.ts";
import { badRequest, errorBody, unknownModel } from "../wire/errors.ts";

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** 200, or 503 once the engine is dead; asleep, draining or overloaded it is still 200. */
export function health(context: Context, { reply }: Exchange): void {
  reply.send(context.state === "dead" ? 503 : 200, "", null);
}

export function version(context: Context, { reply }: Exchange): void {
  reply.send(200, `{"version":"${context.profile.version}"}`);
}

export function serverLoad(context: Context, { reply }: Exchange): void {
  const load = context.options.serverLoadTracking ? context.load : 0;
  reply.send(200, `{"server_load":${load}}`);
}

export function metrics(context: Context, { reply }: Exchange): void {
  const text = context.metrics.text({
    running: context.scheduler.running,
    waiting: context.scheduler.waiting,
    kvUsage: context.scheduler.cache.usage(),
    sleep: context.sleeper.metric,
  });
  reply.send(200, text + context.httpMetrics.text(), METRICS_TYPE);
}

export function models(context: Context, { reply }: Exchange): void {
  const { options } = context;
  const created = Math.floor(context.clock.now() / 1_000);
  const card = (id: string, root: string, parent: string | null, maxModelLen: number | null) => ({
    id,
    object: "model",
    created,
    owned_by: "vllm",
    root,
    parent,
    max_model_len: maxModelLen,
    permission: [{
      id: `modelperm-${randomHex()}`,
      object: "model_permission",
      created,
      allow_create_engine: false,
      allow_sampling: true,
      allow_logprobs: true,
      allow_search_indices: false,
      allow_view: true,
      allow_fine_tuning: false,
      organization: "*",
      group: null,
      is_blocking: false,
    }],
  });
  const data = [
    ...options.servedModelNames.map((name) => card(name, options.model, null, options.maxModelLen)),
    ...options.loraModules.map((lora) =>
      card(lora.name, lora.path, options.servedModelNames[0] ?? options.model, null)
    ),
  ];
  reply.send(200, JSON.stringify({ object: "list", data }));
}

const TOKENIZE_FIELDS: readonly Field[] = [
  { name: "model", type: "string" },
  { name: "prompt", type: "string" },
  { name: "messages", type: "list" },
  { name: "return_token_strs", type: "boolean" },
];

export function tokenizeText(context: Context, { request, reply }: Exchange): void {
  const { profile, options } = context;
  const checked = checkBody(profile, request, TOKENIZE_FIELDS);
  const refuse = (error: Parameters<typeof errorBody>[1]) =>
    reply.send(error.status, errorBody(profile, error));
  if (!checked.ok) return refuse(checked.error);
  const { body } = checked;
  const model = textOf(body.model);
  if (!servesModel(context, model)) return refuse(unknownModel(profile, model ?? ""));
  const prompt = textOf(body.prompt);
  if (prompt === null && !Array.isArray(body.messages)) {
    return refuse(badRequest("Either prompt or messages must be given"));
  }
  const tokens = tokenize(prompt ?? renderChat(body));
  reply.send(
    200,
    JSON.stringify({
      count: tokens.length,
      max_model_len: options.maxModelLen,
      tokens: tokens.map(idOf),
      token_strs: body.return_token_strs === true ? tokens : null,
    }),
  );
}

const DETOKENIZE_FIELDS: readonly Field[] = [
  { name: "model", type: "string" },
  { name: "tokens", type: "list", required: true },
];

export function detokenize(context: Context, { request, reply }: Exchange): void {
  const { profile } = context;
  const checked = checkBody(profile, request, DETOKENIZE_FIELDS);
  const refuse = (error: Parameters<typeof errorBody>[1]) =>
    reply.send(error.status, errorBody(profile, error));
  if (!checked.ok) return refuse(checked.error);
  const model = textOf(checked.body.model);
  if (!servesModel(context, model)) return refuse(unknownModel(profile, model ?? ""));
  const ids = Array.isArray(checked.body.tokens) ? checked.body.tokens : [];
  let prompt = "";
  for (const id of ids) {
    const token = typeof id === "number" ? tokenOf(id) : null;
    if (token === null) return refuse(badRequest(`Token id ${String(id)} is out of vocabulary`));
    prompt += token;
  }
  reply.send(200, JSON.stringify({ prompt }));
}
