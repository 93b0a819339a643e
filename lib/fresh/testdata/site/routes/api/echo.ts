import { HttpError } from "fresh";
import { define } from "../../define.ts";

export const handler = define.handlers({
  GET: () => Response.json({ ok: true }),
  async POST(ctx) {
    const text = await ctx.req.text();
    if (text === "") throw new HttpError(400, "Cannot echo nothing: send a body");
    return new Response(text, { status: 201 });
  },
});
