/** The fleet's status as server-sent events: now, and at every change. One source serves everybody who watches. */
import { define } from "../../../lib/site/define.ts";

const RETRY_AFTER_S = 10;

export const handler = define.handlers({
  GET({ state }) {
    const stream = state.status.watch();
    if (stream === null) {
      return new Response("Too many watch already: read /api/status instead", {
        status: 503,
        headers: { "retry-after": String(RETRY_AFTER_S) },
      });
    }
    return new Response(stream, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        // Neither we nor a proxy may hold events back to compress or store them.
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
      },
    });
  },
});
