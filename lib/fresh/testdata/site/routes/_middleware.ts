import { define } from "../define.ts";

export default define.middleware([
  (ctx) => {
    ctx.state.trail ??= [];
    ctx.state.trail.push("root");
    return ctx.next();
  },
  async (ctx) => {
    const response = await ctx.next();
    response.headers.set("x-trail", ctx.state.trail.join(" "));
    return response;
  },
]);
