/** The fleet's status as JSON: what the status page shows, for programs. */
import { define } from "../../../lib/site/define.ts";

export const handler = define.handlers({
  async GET({ state }) {
    const { json } = await state.status.current();
    return new Response(json, {
      headers: { "content-type": "application/json", "cache-control": "no-store" },
    });
  },
});
