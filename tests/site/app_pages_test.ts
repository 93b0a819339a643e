/** The pages about this deployment as the server sends them: strict headers, true words, and sense made of any query. */
import assert from "node:assert/strict";
import { timeoutBody } from "@/lib/site/components/WorstCase.tsx";
import { chat, makeKey } from "../e2e/support.ts";
import { BARE_FLEET, checkPage, SITE_FLEET, withSite } from "./support.ts";

const OWN_PATHS = [
  "/",
  "/models",
  "/models/ember-chat",
  "/models/acme/coder-7b",
  "/models/vectors",
  "/pricing",
  "/status",
] as const;

const text = (html: string) =>
  html.replace(/<[^>]+>/g, " ").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replace(
    /\s+/g,
    " ",
  );

Deno.test("every page says that it is a demo, carries strict headers, and holds nothing inline or external", async () => {
  await withSite(async (site) => {
    for (const path of OWN_PATHS) {
      const { html, headers } = await checkPage(site, path);
      assert.equal(headers.get("x-emberlane-demo"), "true", path);
      assert.match(text(html), /Demo: every machine here is simulated/, path);
      assert.match(html, /<link rel="canonical" href="http:\/\/localhost:8000\//, path);
    }
    for (
      const path of [
        "/nothing-here",
        "/models/nope",
        "/models/acme",
        "/models/%E0%A4%A",
        "/models/%2F",
      ]
    ) {
      const { html } = await checkPage(site, path, 404);
      assert.match(text(html), /Nothing here/, path);
    }
    const sheet = /href="(\/app\.css[^"]*)"/.exec((await checkPage(site, "/")).html)?.[1] ?? "";
    const response = await fetch(site.url + sheet);
    assert.match(response.headers.get("cache-control") ?? "", /immutable/);
    await response.body?.cancel();
  });
});

Deno.test("the pages work with any query, and filter and calculate without JavaScript", async () => {
  await withSite(async (site) => {
    const shown = async (path: string) => text((await checkPage(site, path)).html);
    assert.match(await shown("/models"), /3 of 3 models/);
    assert.match(await shown("/models?kind=code"), /1 of 3 models.*Coder 7B/);
    assert.match(await shown("/models?q=acme"), /2 of 3 models/);
    assert.match(await shown("/models?q=zzz"), /0 of 3 models/);
    assert.match(await shown("/models?kind=%00&q=%3Cscript%3E"), /0 of 3 models/);
    assert.match(await shown("/pricing"), /\$18\.60/);
    assert.match(
      await shown("/pricing?model=acme/coder-7b&requests=10&prompt=0&completion=1000000"),
      /\$45\.00/,
    );
    assert.match(
      await shown("/pricing?model=zzz&requests=-1&prompt=1e9&completion=%F0"),
      /\$18\.60/,
    );
    assert.match(await shown("/models/vectors"), /embeddings\.create/);
    assert.doesNotMatch(await shown("/models/vectors"), /chat\.completions/);

    const alias = await fetch(`${site.url}/models/demo`, { redirect: "manual" });
    assert.ok([301, 302, 308].includes(alias.status));
    assert.equal(alias.headers.get("location"), "/models/ember-chat");
    assert.match(await shown("/models/acme%2Fcoder-7b"), /Coder 7B/);
  });
});

Deno.test("a deployment without prices and history says so, and never shows nothing as zero", async () => {
  await withSite(async (site) => {
    const { html } = await checkPage(site, "/pricing");
    assert.match(text(html), /no charge|at no charge|No charge/);
    assert.doesNotMatch(text(html), /NaN|undefined|\$0\.00/);
    assert.match(text((await checkPage(site, "/status")).html), /no data yet/);
    assert.match(text((await checkPage(site, "/")).html), /no data yet/);
    await checkPage(site, "/models/m");
  }, BARE_FLEET);
});

Deno.test("the start page shows the very answer that the gateway gives at its wake cap", async () => {
  const fleet = SITE_FLEET.replace("models:", 'gateway: { wake_cap: "100ms" }\nmodels:');
  await withSite(async (site) => {
    const { secret } = await makeKey(site.sql);
    const response = await chat(site.url, secret, { model: "ember-chat" });
    const body = await response.json();
    assert.equal(response.status, 504);
    assert.equal(response.headers.get("retry-after"), "30");
    assert.equal(response.headers.get("x-should-retry"), "false");
    assert.deepEqual(body, JSON.parse(timeoutBody("spot")));
    const shown = text((await checkPage(site, "/")).html);
    assert.match(shown, /0\.1 seconds/);
    assert.ok(shown.includes(timeoutBody("spot").replace(/\s+/g, " ")));
  }, fleet);
});

Deno.test("the status is served as JSON and as a stream that begins with the status now", async () => {
  await withSite(async ({ url }) => {
    const response = await fetch(`${url}/api/status`);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const status = await response.json();
    assert.deepEqual(status.tiers.map((tier: { name: string }) => tier.name), ["spot", "standard"]);

    const leaving = new AbortController();
    const stream = await fetch(`${url}/api/status/stream`, { signal: leaving.signal });
    assert.match(stream.headers.get("content-type") ?? "", /^text\/event-stream/);
    assert.match(stream.headers.get("cache-control") ?? "", /no-transform/);
    let heard = "";
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
      heard += chunk;
      if (/data: .*\n\n/.test(heard)) break;
    }
    leaving.abort();
    const first = JSON.parse(/data: (.*)\n\n/.exec(heard)?.[1] ?? "");
    assert.deepEqual(first.tiers, status.tiers);
  });
});

Deno.test("a stopping gateway ends the status streams at once", async () => {
  let ended: Promise<unknown> = Promise.resolve();
  await withSite(async ({ url }) => {
    const stream = await fetch(`${url}/api/status/stream`);
    ended = stream.text();
    await fetch(`${url}/api/status`).then((response) => response.body?.cancel());
  });
  await ended;
});
