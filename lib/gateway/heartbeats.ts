/** A stream whose headers were sent while its machine still wakes: comments that tell how far it is, then the answer. */
import { Cancel } from "@/lib/kernel/cancel.ts";
import { AppError, asAppError } from "@/lib/kernel/errors.ts";
import { AnswerStream, type Piece } from "./answer_stream.ts";
import type { GatewayDeps } from "./gateway.ts";
import type { InferenceRoute } from "./inference_routes.ts";
import type { RequestRecord } from "./request_record.ts";
import { type Arrival, noteResult } from "./travel.ts";
import type { PieceSource } from "./transport.ts";
import { errorEvent } from "./stream_error.ts";

type Held = {
  readonly route: InferenceRoute;
  readonly requestId: string;
  readonly record: RequestRecord;
};

/**
 * The body of a 200 sent early: `: waking …` at once and then at every beat; one newline each, so that no client takes a
 * comment for an event. `arrival` ends the record itself when it rejects; here its error is only told. `leave` is
 * called when the client goes.
 */
export function heartbeats(
  deps: GatewayDeps,
  held: Held,
  wakeId: string,
  arrival: Promise<Arrival>,
  leave: () => void,
): PieceSource {
  let answer: AnswerStream | null = null;
  let beats = 0;

  async function piece(): Promise<Piece> {
    if (answer === null) {
      const first = beats++ === 0 ? null : await arrivalOrBeat(deps, arrival);
      if (first === null) return { text: beat(deps, wakeId, held.record), last: false };
      answer = streamOf(deps, first, held);
    }
    return await answer.next();
  }

  return {
    async next() {
      try {
        return await piece();
      } catch (thrown) {
        // The record is ended already; the client hears of it in the one event that may still be sent.
        const text = errorEvent(asAppError(thrown), held.route.stream, held.requestId);
        return { text, last: true };
      }
    },
    leave() {
      answer?.leave();
      leave();
      // An answer that arrives now has nobody to go to.
      arrival.then((late) => answer === null && streamOf(deps, late, held).leave()).catch(() => {});
    },
  };
}

async function arrivalOrBeat(
  deps: GatewayDeps,
  arrival: Promise<Arrival>,
): Promise<Arrival | null> {
  const decided = new Cancel();
  try {
    return await Promise.race([
      arrival,
      deps.clock.sleep(deps.heartbeatEvery, decided).then(() => null),
    ]);
  } finally {
    decided.abort(null);
  }
}

/** Throws AppError for an engine that answered a stream request with one JSON object: no SSE client could use it. */
function streamOf(
  deps: GatewayDeps,
  arrival: Arrival,
  { route, requestId, record }: Held,
): AnswerStream {
  if (arrival.kind === "json") {
    noteResult(deps, arrival.at, "json");
    record.began(arrival.answer.usage);
    record.end({ ended: "upstream_failed", status: 502, errorCode: "upstream_error" });
    throw new AppError("upstream_error", "The machine did not stream its answer");
  }
  const { clock, stopping } = deps;
  const { tier } = arrival.at.target;
  return new AnswerStream(arrival.stream, {
    clock,
    tier,
    kind: route.stream,
    requestId,
    record,
    stopping,
  });
}

/** `: waking tier=a100-spot phase=loading waited_ms=5012 eta_ms=41000`, and the ETA as unknown while there is no history. */
function beat({ fleet, clock }: GatewayDeps, wakeId: string, record: RequestRecord): string {
  const wake = fleet.wake(wakeId);
  const waitedMs = Math.max(0, clock.now() - record.request.openedAt);
  const eta = wake?.eta === null || wake?.eta === undefined ? "unknown" : String(wake.eta.likely);
  return `: waking tier=${wake?.tier ?? ""} phase=${
    wake?.phase ?? "asked"
  } waited_ms=${waitedMs} eta_ms=${eta}\n`;
}
