/** Every page there is, for search engines. */
import { define } from "../lib/site/define.ts";
import { machineReply } from "../lib/site/machine_reply.ts";
import { listedPages } from "../lib/site/pages.ts";
import { sitemapXml } from "../lib/site/sitemap.ts";

export const handler = define.handlers({
  GET: ({ req, state }) =>
    machineReply(req, {
      text: sitemapXml(listedPages(state), state.origin),
      type: "application/xml; charset=utf-8",
      freshS: 3_600,
    }),
});
