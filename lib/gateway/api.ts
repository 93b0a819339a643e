/** `/v1`: which request goes where, and the error contract for everything that goes nowhere. */
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import { AppError, asAppError } from "@/lib/kernel/errors.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { bearerOf, judgeKey, noKeyError } from "@/lib/accounts/api_key.ts";
import type { FleetView } from "@/lib/fleet/fleet_view.ts";
import { type GatewayDeps, serve } from "./gateway.ts";
import { INFERENCE_ROUTES, type InferenceRoute, type Surface } from "./inference_routes.ts";
import { modelObject } from "./models_list.ts";
import { baseHeaders, errorAnswer, requestIdOf } from "./reply.ts";
import type { Answer, AnswerHeaders } from "./transport.ts";
import { webInbound, webResponse } from "./web_transport.ts";

export type ApiDeps = GatewayDeps & {
  readonly fleet: FleetView;
  /** When this lineup came into force: the `created` of its models. */
  readonly lineupSince: Instant;
};

/** All header fields of one request together; hyper's own limit lies higher and answers without a body. */
export const HEADER_BYTES_MAX = 32_768;

const ROUTES: ReadonlyMap<string, InferenceRoute> = new Map(
  INFERENCE_ROUTES.map((route) => [route.path, route]),
);
const MODELS = "/v1/models";

/** Answers a request whose path is below `/v1`. Never rejects. */
export async function handleApi(deps: ApiDeps, request: Request, path: string): Promise<Response> {
  const route = ROUTES.get(path);
  const surface = route?.surface ?? "openai";
  const oversize = headerBytes(request.headers) > HEADER_BYTES_MAX;
  if (route !== undefined && request.method === "POST" && !oversize) {
    return webResponse(await serve(deps, webInbound(request), route), deps.metrics.openStreams);
  }

  const requestId = requestIdOf(request.headers, newId("req", deps.clock.now()));
  const headers = baseHeaders(requestId, surface, deps.demo);
  try {
    if (oversize) {
      throw new AppError(
        "headers_too_large",
        `Cannot read over ${HEADER_BYTES_MAX} bytes of headers: send fewer`,
      );
    }
    if (route !== undefined) throw wrongMethod(request.method, "POST", path, headers);
    if (path !== MODELS && !path.startsWith(`${MODELS}/`)) throw unknownPath(path);
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw wrongMethod(request.method, "GET, HEAD", path, headers);
    }
    return await models(deps, request, path, headers);
  } catch (thrown) {
    const answer = refuse(deps, thrown, surface, headers, requestId);
    return webResponse(answer, deps.metrics.openStreams);
  }
}

/** What is answered to a request that reached no route, counted and logged. */
export function refuse(
  deps: ApiDeps,
  thrown: unknown,
  surface: Surface,
  headers: AnswerHeaders,
  requestId: string,
): Answer {
  const error = asAppError(thrown);
  const line = { request_id: requestId, status: error.status, error_code: error.code };
  if (error.code === "internal") {
    deps.log.error("request_failed", {
      ...line,
      error: thrown instanceof Error ? thrown : undefined,
    });
  } else deps.log.info("request_refused", line);
  deps.metrics.requestsTotal.inc({ route: "other", status: String(error.status), tier: "" });
  return errorAnswer(error, surface, headers);
}

async function models(
  deps: ApiDeps,
  request: Request,
  path: string,
  headers: AnswerHeaders,
): Promise<Response> {
  const now = deps.clock.now();
  const bearer = bearerOf(request.headers);
  if (bearer.kind !== "key") throw noKeyError(bearer);
  const verdict = judgeKey(await deps.keys.find(bearer.secret), now);
  if (verdict.kind === "refused") throw verdict.error;
  const { key } = verdict;
  const createdS = Math.floor(deps.lineupSince / 1_000);
  const shown = deps.lineup.models.filter((model) =>
    key.models === null || key.models.includes(model.id)
  );
  const objects = (list: typeof shown) =>
    list.map((model) => modelObject(model, deps.lineup, deps.fleet, createdS, instant(now)));

  if (path === MODELS) {
    return Response.json({ object: "list", data: objects(shown) }, { headers: [...headers] });
  }
  const asked = decodeSegment(path.slice(MODELS.length + 1));
  const [model] = deps.lineup.names.get(asked) ?? [];
  const [object] = objects(shown.filter((known) => known.id === model?.id));
  if (object === undefined) {
    const known = shown.map((m) => m.id).join(", ");
    throw new AppError(
      "model_not_found",
      `The model "${asked.slice(0, 100)}" does not exist: choose one of ${known}`,
      {
        param: "model",
      },
    );
  }
  return Response.json(object, { headers: [...headers] });
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unknownPath(path: string): AppError {
  const known = [...ROUTES.keys(), MODELS].join(", ");
  return new AppError("not_found", `Nothing answers at ${path.slice(0, 200)}: use one of ${known}`);
}

function wrongMethod(
  method: string,
  allowed: string,
  path: string,
  headers: AnswerHeaders,
): AppError {
  headers.set("allow", allowed);
  return new AppError("method_not_allowed", `Cannot ${method} ${path}: use ${allowed}`);
}

function headerBytes(headers: Headers): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length + 4;
  return bytes;
}
