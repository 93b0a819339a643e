/** An index of the site for language models. */
import { define } from "../lib/site/define.ts";
import { llmsTxt } from "../lib/site/llms.ts";
import { machineReply } from "../lib/site/machine_reply.ts";
import { listedPages } from "../lib/site/pages.ts";

export const handler = define.handlers({
  GET: ({ req, state }) =>
    machineReply(req, {
      text: llmsTxt(listedPages(state), state),
      type: "text/plain; charset=utf-8",
      freshS: 3_600,
    }),
});
