import assert from "node:assert/strict";
import { Context } from "./context.ts";
import { HttpError } from "./errors.ts";
import { csrf, trailingSlashes } from "./middlewares.ts";

function contextOf(path: string, init: RequestInit = {}): Context<unknown> {
  const req = new Request(new URL(path, "https://site.test"), init);
  const ctx = new Context<unknown>({
    req,
    url: new URL(req.url),
    info: {
      remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
      completed: Promise.resolve(),
    },
    route: null,
    params: {},
    config: { root: "/", basePath: "", mode: "production" },
    renderDocument: () => "",
  });
  ctx.next = () => Promise.resolve(new Response("next"));
  return ctx;
}

Deno.test("ctx.redirect() keeps a path on this site and leaves a full URL alone", () => {
  const cases: [string, string][] = [
    ["/", "/"],
    ["//evil.example/x", "/evil.example/x"],
    ["/\\evil.example", "/evil.example"],
    ["\\\\evil.example", "/evil.example"],
    ["/a//b?to=//c#//d", "/a/b?to=//c#//d"],
    ["https://other.example//x", "https://other.example//x"],
  ];
  for (const [to, location] of cases) {
    const response = contextOf("/x").redirect(to);
    assert.equal(response.status, 302);
    assert.equal(response.headers.get("location"), location, to);
  }
});

Deno.test("ctx.redirect() of a partial request asks for partials again", () => {
  const ctx = contextOf("/x?fresh-partial=true");
  assert.equal(ctx.isPartial, true);
  assert.equal(ctx.redirect("/y?a=1#b").headers.get("location"), "/y?a=1&fresh-partial=true#b");
});

Deno.test("ctx.stream() sends text and bytes in turn", async () => {
  const response = contextOf("/").stream(function* () {
    yield "a";
    yield new Uint8Array([98]);
  });
  assert.equal(await response.text(), "ab");
});

Deno.test("csrf() refuses a form sent by another site and passes what no browser sent", async () => {
  const guard = csrf();
  const status = async (headers: HeadersInit, method = "POST") => {
    try {
      return (await guard(contextOf("/", { method, headers }))).status;
    } catch (error) {
      return error instanceof HttpError ? error.status : 0;
    }
  };
  assert.equal(await status({ "sec-fetch-site": "same-origin" }), 200);
  assert.equal(await status({ "sec-fetch-site": "none" }), 200);
  assert.equal(await status({ "sec-fetch-site": "cross-site" }), 403);
  assert.equal(await status({ "sec-fetch-site": "same-site", origin: "https://x.site.test" }), 403);
  assert.equal(await status({ origin: "https://evil.example" }), 403);
  assert.equal(await status({ origin: "https://site.test" }), 200);
  assert.equal(await status({}), 200);
  assert.equal(await status({ "sec-fetch-site": "cross-site" }, "GET"), 200);
});

Deno.test("trailingSlashes() redirects to the one spelling of a path", async () => {
  const to = async (mode: "always" | "never", path: string) =>
    (await trailingSlashes(mode)(contextOf(path))).headers.get("location");
  assert.equal(await to("never", "/a/?b=c"), "/a?b=c");
  assert.equal(await to("never", "/a"), null);
  assert.equal(await to("always", "/a?b=c"), "/a/?b=c");
  assert.equal(await to("always", "/"), null);
});
