/** The body an engine receives: the client's own text, with the few members that are ours to say. Pure. */
import { sha256Hex } from "@/lib/kernel/ids.ts";
import type { StreamKind } from "./inference_routes.ts";
import { type Edit, editMembers, membersOf } from "./json_splice.ts";
import type { ParsedBody } from "./parse_request.ts";

/**
 * Members a client could use to reach past its own request: to jump the queue, to name another's request, or to
 * steer the engine's own plumbing.
 */
const CLIENT_POWERS = [
  "priority",
  "request_id",
  "kv_transfer_params",
  "ec_transfer_params",
] as const;
const POWERLESS: readonly Edit[] = CLIENT_POWERS.map((power) => [power, null]);

export type UpstreamBodyOptions = {
  readonly upstreamModel: string;
  readonly accountId: string;
  readonly streamKind: StreamKind;
};

/**
 * Names the model as the engine knows it, takes the client's powers out, isolates the prefix cache by account, and
 * for chunk streams always asks for running usage, so that a stream cut short is still counted exactly.
 */
export function upstreamBody(body: ParsedBody, options: UpstreamBodyOptions): string {
  const edits: Edit[] = [["model", quotedName(options.upstreamModel)]];
  for (const power of POWERLESS) edits.push(power);
  // Only these surfaces have prompts whose prefixes vLLM caches under a salt.
  if (options.streamKind === "chunks" || options.streamKind === "responses") {
    edits.push(["cache_salt", `"${cacheSaltOf(options.accountId)}"`]); // hexadecimal
  }
  if (body.stream && options.streamKind === "chunks") {
    edits.push(["stream_options", streamOptions(body.text)]);
  }
  return editMembers(body.text, edits);
}

/** The names of a lineup are few, and each is written for every request. */
const QUOTED = new Map<string, string>();
const QUOTED_MAX = 1_000;

function quotedName(name: string): string {
  const known = QUOTED.get(name);
  if (known !== undefined) return known;
  const quoted = JSON.stringify(name);
  if (QUOTED.size >= QUOTED_MAX) QUOTED.clear();
  QUOTED.set(name, quoted);
  return quoted;
}

/** A salt never changes, so the ones in use are kept. */
const SALTS = new Map<string, string>();
const SALTS_MAX = 10_000;

/** One salt an account: its own prompts share cached prefixes, nobody else can time them. */
function cacheSaltOf(accountId: string): string {
  const known = SALTS.get(accountId);
  if (known !== undefined) return known;
  const salt = sha256Hex(`emberlane cache salt ${accountId}`).slice(0, 32);
  if (SALTS.size >= SALTS_MAX) SALTS.clear();
  SALTS.set(accountId, salt);
  return salt;
}

function streamOptions(text: string): string {
  const forced: Edit[] = [["include_usage", "true"], ["continuous_usage_stats", "true"]];
  const given = membersOf(text).filter((member) => member.key === "stream_options").at(-1);
  const value = given === undefined ? "{}" : text.slice(given.valueStart, given.end);
  return editMembers(value.startsWith("{") ? value : "{}", forced);
}
