/** An API key: how a request carries it, and whether it may call. Pure; no message here ever shows a secret. */
import { type Instant, reached } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";

/** What is known of a key. Its secret is not: only a SHA-256 of it is stored. */
export type ApiKey = {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** The first characters of the secret, for a person to tell two keys apart. */
  readonly shownPrefix: string;
  /** Catalogue models it may use; null is every model. */
  readonly models: readonly string[] | null;
  /** Null is no limit. */
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly createdAt: Instant;
  readonly expiresAt: Instant | null;
  readonly revokedAt: Instant | null;
};

/** What a request's headers say about who asks. */
export type Bearer =
  | { kind: "key"; secret: string }
  | { kind: "none" }
  | { kind: "malformed" };

/** The answer to a key: it may go on, or the error to send. */
export type KeyVerdict =
  | { kind: "ok"; key: ApiKey }
  | { kind: "refused"; error: AppError };

/** No secret of ours is longer; a longer one is not looked up. */
export const SECRET_CHARS_MAX = 256;
const SHOWN_MODELS_MAX = 20;

const SCHEME = "bearer";
const SPACE = 0x20;
const COMMA = 0x2c;
const DELETE = 0x7f;
const WHITE = /\s/;

/**
 * The secret a request carries: `Authorization: Bearer` (RFC 6750; the scheme in any case), else Anthropic's
 * `x-api-key`. A proxy's own `Authorization` (such as Basic) does not hide an `x-api-key`.
 */
export function bearerOf(headers: { get(name: string): string | null }): Bearer {
  const authorization = headers.get("authorization")?.trim() ?? "";
  const given = afterScheme(authorization);
  if (given !== null && isSecret(given)) return { kind: "key", secret: given };
  const apiKey = headers.get("x-api-key")?.trim() ?? "";
  if (authorization === "" && apiKey === "") return { kind: "none" };
  const secret = given === null || WHITE.test(given) ? apiKey : given;
  return isSecret(secret) ? { kind: "key", secret } : { kind: "malformed" };
}

/** What follows "Bearer" and its blanks; null where that is not how the header begins. */
function afterScheme(authorization: string): string | null {
  let at = SCHEME.length;
  while (authorization.charCodeAt(at) === SPACE) at++;
  if (at === SCHEME.length || at >= authorization.length) return null;
  return authorization.slice(0, SCHEME.length).toLowerCase() === SCHEME
    ? authorization.slice(at)
    : null;
}

/** Visible ASCII without the comma, which is how a header given twice is joined. */
function isSecret(text: string): boolean {
  if (text.length === 0 || text.length > SECRET_CHARS_MAX) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= SPACE || code >= DELETE || code === COMMA) return false;
  }
  return true;
}

/** The 401 for a request that carries no usable secret. */
export function noKeyError(bearer: Bearer & { kind: "none" | "malformed" }): AppError {
  return new AppError(
    "invalid_api_key",
    bearer.kind === "none"
      ? "Cannot tell who asks: no API key was sent; send it as Authorization: Bearer <key> or as x-api-key"
      : "Cannot read the API key: the header holds no single key; send Authorization: Bearer <key> or x-api-key",
  );
}

/**
 * Whether a key may call now. `key` is what its secret was found to be; null is a secret nobody was given.
 * Refusals are 401 `invalid_api_key` and name the key by its id at most.
 */
export function judgeKey(key: ApiKey | null, now: Instant): KeyVerdict {
  const refused = (message: string): KeyVerdict => ({
    kind: "refused",
    error: new AppError("invalid_api_key", message),
  });
  if (key === null) {
    return refused(
      "Cannot accept this API key: it is not one of ours; check that it was copied whole, or create another",
    );
  }
  if (key.revokedAt !== null) {
    return refused(
      `Cannot accept API key ${key.id}: it was revoked at ${iso(key.revokedAt)}; create another`,
    );
  }
  if (key.expiresAt !== null && reached(key.expiresAt, now)) {
    return refused(
      `Cannot accept API key ${key.id}: it expired at ${iso(key.expiresAt)}; create another`,
    );
  }
  return { kind: "ok", key };
}

/** Whether a key may use a catalogue model (its `id`, aliases resolved). The refusal is 403 `model_not_allowed`. */
export function mayUseModel(key: ApiKey, model: string): KeyVerdict {
  if (key.models === null || key.models.includes(model)) return { kind: "ok", key };
  const shown = key.models.slice(0, SHOWN_MODELS_MAX).join(", ");
  const rest = key.models.length > SHOWN_MODELS_MAX ? ", …" : "";
  return {
    kind: "refused",
    error: new AppError(
      "model_not_allowed",
      `Cannot use model "${model}" with API key ${key.id}: it may use ${shown}${rest}`,
      { param: "model" },
    ),
  };
}

function iso(at: Instant): string {
  return new Date(at).toISOString();
}
