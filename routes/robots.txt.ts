/** What crawlers may read: everything but the API, which answers nobody without a key. */
import { define } from "../lib/site/define.ts";
import { machineReply } from "../lib/site/machine_reply.ts";

export const handler = define.handlers({
  GET: ({ req, state }) =>
    machineReply(req, {
      text: `User-agent: *\nDisallow: /v1/\n\nSitemap: ${state.origin}/sitemap.xml\n`,
      type: "text/plain; charset=utf-8",
      freshS: 3_600,
    }),
});
