import assert from "node:assert/strict";
import { createDefine, HttpError, page } from "./mod.ts";

const define = createDefine<{ user: string }>();

Deno.test("define.page<typeof handler>() types data by what the handlers hand over", () => {
  const handler = define.handlers({
    GET: (ctx) => page({ name: ctx.state.user, count: 1 }),
    POST: (ctx) => ctx.redirect("/", 303),
  });
  const render = define.page<typeof handler>(({ data }) => {
    const count: number = data.count;
    // @ts-expect-error: the handlers hand over no such thing
    return [data.name.toUpperCase(), count, data.missing];
  });
  assert.equal(typeof render, "function");
});

Deno.test("define.middleware() types the state", () => {
  const middleware = define.middleware((ctx) => {
    // @ts-expect-error: the state has no such thing
    ctx.state.missing;
    return ctx.next();
  });
  assert.equal(typeof middleware, "function");
});

Deno.test("page() carries data, status and headers", () => {
  assert.deepEqual(page({ a: 1 }, { status: 422 }), { data: { a: 1 }, status: 422 });
  assert.deepEqual(page(), { data: undefined });
});

Deno.test("HttpError says its status in words unless it is given better ones", () => {
  assert.equal(new HttpError(404).message, "Not Found");
  assert.equal(new HttpError(403, "Sign in first").message, "Sign in first");
});
