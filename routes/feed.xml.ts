/** The articles as an Atom feed. */
import { define } from "../lib/site/define.ts";
import { machineReply } from "../lib/site/machine_reply.ts";
import { listedPages } from "../lib/site/pages.ts";
import { atomFeed } from "../lib/site/sitemap.ts";

export const handler = define.handlers({
  GET({ req, state }) {
    const { name, origin, operator, lineupSinceS } = state;
    const since = new Date(lineupSinceS * 1_000).toISOString().slice(0, 10);
    const author = operator === "" ? name : operator;
    return machineReply(req, {
      text: atomFeed(listedPages(state), { name, origin, author, since }),
      type: "application/atom+xml; charset=utf-8",
      freshS: 3_600,
    });
  },
});
