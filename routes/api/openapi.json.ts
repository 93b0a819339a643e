/** The API's description, for programs. */
import { define } from "../../lib/site/define.ts";
import { machineReply } from "../../lib/site/machine_reply.ts";

export const handler = define.handlers({
  GET({ req, state }) {
    const response = machineReply(req, {
      text: JSON.stringify(state.openApi, null, 2),
      type: "application/json; charset=utf-8",
      freshS: 300,
    });
    // It holds nothing of a visitor, and browsers' API tools read it from elsewhere.
    response.headers.set("access-control-allow-origin", "*");
    return response;
  },
});
