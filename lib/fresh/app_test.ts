import assert from "node:assert/strict";
import { Hono } from "hono";
import { createApp } from "./app.ts";
import type { Middleware } from "./define.ts";

const root = new URL("./testdata/site", import.meta.url).pathname;
const told: unknown[] = [];
const app = await createApp({ root, onError: (error) => told.push(error) });

const text = async (path: string, init?: RequestInit) =>
  await (await app.request(path, init)).text();
const heading = async (path: string) => /<h1>(.*?)<\/h1>/.exec(await text(path))?.[1];

Deno.test("createApp() routes every kind of segment to the most specific file", async () => {
  assert.equal(await heading("/"), "Home");
  assert.equal(await heading("/about"), "About");
  assert.equal(await heading("/blog"), "Blog");
  assert.equal(await heading("/blog/new"), "New post");
  assert.equal(await heading("/blog/first"), "Post first of /blog/:slug");
  assert.equal(await heading("/blog/first/comments"), "Comments on first");
  assert.equal(await heading("/blog/first/a/b"), "Rest a/b of first");
  assert.equal(await text("/blog/first.json"), '{"slug":"first"}');
  assert.equal(await heading("/docs"), "Docs ()");
  assert.equal(await heading("/docs/v2"), "Docs (v2)");
  assert.equal(await heading("/files"), "File ()");
  assert.equal(await heading("/files/a/b%20c"), "File (a/b c)");
  assert.equal(await heading("/x/mod@1.2"), "mod at 1.2");
  assert.equal(await heading("//blog//new"), "New post");
});

Deno.test("createApp() routes no special file, component folder or old path of an override", async () => {
  for (const path of ["/_app", "/_layout", "/override", "/(_components)/Note", "/Note"]) {
    assert.equal((await app.request(path)).status, 404, path);
  }
});

Deno.test("createApp() runs middleware from the outer folder to the inner, groups included", async () => {
  assert.equal((await app.request("/about")).headers.get("x-trail"), "root");
  assert.equal((await app.request("/cart")).headers.get("x-trail"), "root shop");
});

Deno.test("createApp() runs `use` before the routes' own middleware", async () => {
  const first: Middleware<{ trail: string[] }> = (ctx) => {
    ctx.state.trail = ["use"];
    return ctx.next();
  };
  const used = await createApp({ root, use: [first] });
  assert.equal((await used.request("/about")).headers.get("x-trail"), "use root");
});

Deno.test("createApp() nests layouts inside the app and skips them on demand", async () => {
  const cart = await text("/cart?item=a");
  assert.match(
    cart,
    /<body[^>]*><main><section class="shop"><ul><li[^>]*>A<\/li><\/ul><\/section>/,
  );
  const bare = await text("/bare");
  assert.match(
    bare,
    /^<!DOCTYPE html><html><head><meta charset="utf-8"><\/head><body><p>bare<\/p>/,
  );
});

Deno.test("createApp() gives a handler's data, status and headers to the page", async () => {
  const found = await app.request("/cart?item=a");
  assert.equal(found.headers.get("x-items"), "yes");
  const refused = await app.request("/cart", { method: "POST", body: new FormData() });
  assert.equal(refused.status, 422);
  assert.match(await refused.text(), /\(NONE\)/);
  const form = new FormData();
  form.set("item", "b");
  const redirected = await app.request("/cart", { method: "POST", body: form });
  assert.equal(redirected.status, 303);
  assert.equal(redirected.headers.get("location"), "/cart");
});

Deno.test("createApp() lets an async page answer with a response of its own", async () => {
  const response = await app.request("/blog/old");
  assert.equal(response.status, 301);
  assert.equal(response.headers.get("location"), "/blog/new");
});

Deno.test("createApp() answers HEAD with GET's headers and no body", async () => {
  const head = await app.request("/cart?item=a", { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(head.headers.get("x-items"), "yes");
  assert.equal(await head.text(), "");
});

Deno.test("createApp() answers 405 with Allow to a method the route lacks, and OPTIONS with 204", async () => {
  const refused = await app.request("/api/echo", { method: "DELETE" });
  assert.equal(refused.status, 405);
  assert.equal(refused.headers.get("allow"), "GET, HEAD, POST");
  assert.match(await refused.text(), /Error 405: Method Not Allowed/);
  const options = await app.request("/about", { method: "OPTIONS" });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get("allow"), "GET, HEAD");
});

Deno.test("createApp() renders _404 for an unknown path and for a thrown 404", async () => {
  for (const path of ["/nope", "/throws?status=404"]) {
    const response = await app.request(path);
    assert.equal(response.status, 404);
    assert.match(await response.text(), /<main><h1>Nothing at \//);
  }
});

Deno.test("createApp() renders a thrown HttpError with its status and escaped message", async () => {
  told.length = 0;
  const response = await app.request("/throws?status=403");
  assert.equal(response.status, 403);
  assert.match(
    await response.text(),
    /<h1>Error 403: No &lt;entry&gt;|<h1>Error 403: No &lt;entry>/,
  );
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(told.length, 0);
});

Deno.test("createApp() renders an unknown error as 500, tells of it once and shows none of it", async () => {
  told.length = 0;
  const response = await app.request("/throws");
  assert.equal(response.status, 500);
  const html = await response.text();
  assert.match(html, /Error of ours/);
  assert.doesNotMatch(html, /secret/);
  assert.equal(html.match(/<html/g)?.length, 1);
  assert.equal(told.length, 1);
});

Deno.test("createApp() prefers the nearest error page, which may choose the status", async () => {
  const response = await app.request("/nest/deep/throws");
  assert.equal(response.status, 418);
  assert.match(await response.text(), /<main><h1>Nested: from the page<\/h1><\/main>/);
});

Deno.test("createApp() renders the outer error page when the nearest one fails, and tells of both", async () => {
  told.length = 0;
  const response = await app.request("/nest/deep/throws?broken");
  assert.equal(response.status, 500);
  assert.match(await response.text(), /Error of ours/);
  assert.equal(told.length, 2);
});

Deno.test("createApp() asks no error page twice, and falls back to the next", async () => {
  const response = await app.request("/nest/deep/throws?lost");
  assert.equal(response.status, 418);
  assert.match(await response.text(), /Nested: the 404 page is lost too/);
  assert.equal(response.headers.get("x-trail"), "root 404");
});

Deno.test("createApp() stands its error page around the middleware given to it", async () => {
  const bare = await createApp({
    root,
    onError: () => {},
    use: [(ctx) => {
      if (ctx.url.pathname === "/early") throw new Error("before any folder's own");
      return ctx.next();
    }],
  });
  const early = await bare.request("/early");
  assert.equal(early.status, 500);
  assert.match(await early.text(), /Error of ours/);
});

Deno.test("createApp() mounts beside routes of a Hono app, before and after it", async () => {
  const host = new Hono();
  host.get("/healthz", (c) => c.text("early"));
  host.use("*", async (c, next) => {
    await next();
    c.header("x-host", "yes");
  });
  await createApp({ root, app: host });
  host.get("/v1/models", (c) => c.json({ late: true }));
  assert.equal(await (await host.request("/healthz")).text(), "early");
  assert.deepEqual(await (await host.request("/v1/models")).json(), { late: true });
  for (const path of ["/about", "/nope", "/throws?status=403", "/robots.txt"]) {
    assert.equal((await host.request(path)).headers.get("x-host"), "yes", path);
  }
});

Deno.test("createApp() passes on what Deno.serve knows of the connection", async () => {
  let seen: Deno.Addr | undefined;
  const known = await createApp({
    root,
    use: [(ctx) => {
      seen = ctx.info.remoteAddr;
      return ctx.next();
    }],
  });
  const remoteAddr: Deno.NetAddr = { transport: "tcp", hostname: "192.0.2.7", port: 9 };
  await known.fetch(new Request("http://x.test/about"), {
    remoteAddr,
    completed: Promise.resolve(),
  });
  assert.equal(seen, remoteAddr);
});

Deno.test("createApp() refuses two files for one URL and a file without use", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const write = async (file: string, code: string) => {
      await Deno.mkdir(`${dir}/routes/(a)`, { recursive: true });
      await Deno.writeTextFile(`${dir}/routes/${file}`, code);
    };
    await write("x.ts", "export const handler = () => new Response('x');");
    await write("(a)/x.ts", "export const handler = () => new Response('x');");
    await assert.rejects(createApp({ root: dir }), /"\/x" to both/);
    await Deno.remove(`${dir}/routes/(a)/x.ts`);
    await write("y.ts", "export const nothing = 1;");
    await assert.rejects(createApp({ root: dir }), /export a default function or a `handler`/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
