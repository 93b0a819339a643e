/** What operators and load balancers ask: alive, ready, metrics. */
import { timingSafeEqual } from "node:crypto";
import { readiness, type Sql } from "./database.ts";
import { sha256Hex } from "./ids.ts";
import type { Metrics } from "./metrics.ts";

export type OpsDeps = {
  readonly sql: Sql;
  readonly metrics: Metrics;
  /** When set, `/metrics` wants it as a bearer token. */
  readonly metricsToken: string | null;
  readonly stopping: AbortSignal;
};

/** Answers `/healthz`, `/readyz` and `/metrics`; null for any other path. */
export async function answerOps(
  deps: OpsDeps,
  request: Request,
  path: string,
): Promise<Response | null> {
  switch (path) {
    case "/healthz":
      return Response.json({ status: "alive" });
    case "/readyz":
      return await ready(deps);
    case "/metrics":
      return metrics(deps, request);
    default:
      return null;
  }
}

/** Ready means that a request sent now would be served: the migrations ran before the port opened. */
async function ready({ sql, stopping }: OpsDeps): Promise<Response> {
  if (stopping.aborted) return Response.json({ status: "stopping" }, { status: 503 });
  const database = await readiness(sql);
  if (database.ready) return Response.json({ status: "ready" });
  return Response.json({ status: "unready", because: "the database does not answer" }, {
    status: 503,
  });
}

function metrics({ metrics: all, metricsToken }: OpsDeps, request: Request): Response {
  if (
    metricsToken !== null &&
    !sameSecret(request.headers.get("authorization"), `Bearer ${metricsToken}`)
  ) {
    return new Response("Cannot show metrics: send Authorization: Bearer METRICS_TOKEN\n", {
      status: 401,
    });
  }
  return new Response(all.text(), { headers: { "content-type": all.contentType } });
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
function sameSecret(given: string | null, wanted: string): boolean {
  return timingSafeEqual(
    new TextEncoder().encode(sha256Hex(given ?? "")),
    new TextEncoder().encode(sha256Hex(wanted)),
  );
}
