/** Everything worth reading as one Markdown text, for language models. */
import { later, minutes, reached } from "../lib/kernel/clock.ts";
import { define, type SiteState } from "../lib/site/define.ts";
import { llmsFullTxt } from "../lib/site/llms.ts";
import { machineReply } from "../lib/site/machine_reply.ts";

/** Its figures are of the minute at best, and making it takes some twenty milliseconds. */
const KEPT_FOR = minutes(1);
const kept = new WeakMap<SiteState["library"], { text: string; until: ReturnType<typeof later> }>();

export const handler = define.handlers({
  async GET({ req, state }) {
    return machineReply(req, {
      text: await textOf(state),
      type: "text/markdown; charset=utf-8",
      freshS: 3_600,
    });
  },
});

async function textOf(state: SiteState): Promise<string> {
  const known = kept.get(state.library);
  if (known !== undefined && !reached(known.until, state.now())) return known.text;
  const figures = await state.figures();
  const text = llmsFullTxt({ ...state, api: state.openApi, figures });
  kept.set(state.library, { text, until: later(state.now(), KEPT_FOR) });
  return text;
}
