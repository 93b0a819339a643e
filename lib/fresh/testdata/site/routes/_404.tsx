import { HttpError, page } from "fresh";
import { define } from "../define.ts";

export const handler = define.handlers((ctx) => {
  if (ctx.url.searchParams.has("lost")) {
    ctx.state.trail.push("404");
    throw new HttpError(404, "the 404 page is lost too");
  }
  return page({ path: ctx.url.pathname });
});

export default define.page<typeof handler>(({ data }) => <h1>Nothing at {data.path}</h1>);
