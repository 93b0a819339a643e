/** The manifest of the inputs of a window, made when none is fresh: `?window=24h|7d|30d`, or `?from=…&to=…` for sealed days. */
import { AppError } from "../../lib/kernel/errors.ts";
import { askedWindow } from "../../lib/ledger/publication/asked_window.ts";
import { define } from "../../lib/site/define.ts";

export const handler = define.handlers({
  async GET({ url, state }) {
    const asked = askedWindow(url.searchParams, state.now());
    if (typeof asked === "string") return answer(400, { error: asked });
    try {
      return answer(200, await state.publications.publish(asked));
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "internal") throw error;
      return answer(error.status, { error: error.message }, error.retryAfterS);
    }
  },
});

function answer(status: number, body: unknown, retryAfterS: number | null = null): Response {
  return new Response(JSON.stringify(body, null, 1) + "\n", {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      // It holds nothing of a visitor, and anybody may check it.
      "access-control-allow-origin": "*",
      ...retryAfterS === null ? {} : { "retry-after": String(Math.ceil(retryAfterS)) },
    },
  });
}
