import { page } from "fresh";
import { define } from "../../define.ts";

export const handler = define.handlers((ctx) => {
  if (ctx.url.searchParams.has("broken")) throw new Error("the error page broke too");
  const reason = ctx.error instanceof Error ? ctx.error.message : "unknown";
  return page({ reason }, { status: 418 });
});

export default define.page<typeof handler>(({ data }) => <h1>Nested: {data.reason}</h1>);
