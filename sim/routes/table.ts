/** Which path and method lead where. */

import type { Context, Route } from "../context.ts";
import { readConfig, stats, writeConfig } from "./admin.ts";
import { chatCompletions } from "./chat.ts";
import { completions } from "./completions.ts";
import { collectiveRpc, isSleeping, resetPrefixCache, sleep, wakeUp } from "./dev.ts";
import {
  detokenize,
  health,
  metrics,
  models,
  serverLoad,
  tokenizeText,
  version,
} from "./instrument.ts";
import { countTokens, messages } from "./messages.ts";
import { embeddings, rerank, score } from "./pooling.ts";
import { responses, storedResponse } from "./responses.ts";

export type Routes = ReadonlyMap<string, ReadonlyMap<string, Route>>;

/** The routes of one engine; some exist only in a version or a mode. */
export function routeTable(context: Pick<Context, "profile" | "options">): Routes {
  const table = new Map<string, Map<string, Route>>();
  const add = (method: string, path: string, route: Route) => {
    const methods = table.get(path) ?? new Map<string, Route>();
    methods.set(method, route);
    table.set(path, methods);
  };
  add("GET", "/health", health);
  add("GET", "/ping", health);
  add("POST", "/ping", health);
  add("GET", "/version", version);
  add("GET", "/load", serverLoad);
  add("GET", "/metrics", metrics);
  add("GET", "/v1/models", models);
  add("POST", "/tokenize", tokenizeText);
  add("POST", "/detokenize", detokenize);
  add("POST", "/v1/chat/completions", chatCompletions);
  add("POST", "/v1/completions", completions);
  add("POST", "/v1/responses", responses);
  add("GET", "/v1/responses/{response_id}", storedResponse);
  add("POST", "/v1/responses/{response_id}/cancel", storedResponse);
  if (context.profile.anthropicMessages) {
    add("POST", "/v1/messages", messages);
    add("POST", "/v1/messages/count_tokens", countTokens);
  }
  add("POST", "/v1/embeddings", embeddings);
  for (const path of ["/score", "/v1/score"]) add("POST", path, score);
  for (const path of ["/rerank", "/v1/rerank", "/v2/rerank"]) add("POST", path, rerank);
  if (context.options.devMode) {
    add("POST", "/sleep", sleep);
    add("POST", "/wake_up", wakeUp);
    add("GET", "/is_sleeping", isSleeping);
    add("POST", "/collective_rpc", collectiveRpc);
    add("POST", "/reset_prefix_cache", resetPrefixCache);
  }
  add("GET", "/admin/stats", stats);
  add("GET", "/admin/config", readConfig);
  add("POST", "/admin/config", writeConfig);
  return table;
}

/** The path under which a request's route stands in the table. */
export function routeOf(path: string): string {
  return path.replace(/^\/v1\/responses\/[^/]+/, "/v1/responses/{response_id}");
}

/** The APIs that faults strike when a rule names no path. */
export function isDataPath(method: string, path: string): boolean {
  return method === "POST" && !path.startsWith("/admin/") &&
    !["/sleep", "/wake_up", "/collective_rpc", "/reset_prefix_cache", "/ping"].includes(path);
}
