/** The search index, for the browser. */
import { define } from "../../lib/site/define.ts";
import { searchIndexUrl } from "../../lib/site/search_url.ts";

export const handler = define.handlers({
  GET({ url, state }) {
    const isNamed = url.pathname + url.search === searchIndexUrl(state.search.json);
    return new Response(state.search.json, {
      headers: {
        "content-type": "application/json",
        "cache-control": isNamed ? "public, max-age=31536000, immutable" : "public, no-cache",
      },
    });
  },
});
