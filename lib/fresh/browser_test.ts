/** Islands and partials in a real Chromium, under a CSP without `unsafe-inline`. */
import assert from "node:assert/strict";
import { Hono } from "hono";
import { chromium, type Page } from "playwright-core";
import { createApp } from "./app.ts";

const CHROMIUM = "/usr/bin/chromium";
const CSP = "default-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'";
const WAIT_MS_MAX = 5_000;
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

Deno.test({
  name: "islands hydrate and partials swap in a browser, with nothing for the CSP to block",
  // The browser's pipes belong to playwright; it closes them after the test's last line.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const host = new Hono();
    host.use("*", async (c, next) => {
      await next();
      c.header("content-security-policy", CSP);
    });
    const root = new URL("./testdata/site", import.meta.url).pathname;
    const app = await createApp({ root, app: host });
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, app.fetch);
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS, headless: true });
    try {
      const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
      page.setDefaultTimeout(WAIT_MS_MAX);
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(String(error)));
      const at = `http://127.0.0.1:${server.addr.port}`;

      await t.step("islands", () => checkIslands(page, at));
      await t.step("partials", () => checkPartials(page, at));
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
      await server.shutdown();
    }
  },
});

async function checkIslands(page: Page, at: string): Promise<void> {
  await page.goto(`${at}/islands`);
  const live = (name: string) => page.locator(`is-land[n="${name}"][data-live]`);
  await live("Counter").nth(1).waitFor({ state: "attached" });
  const outputs = () => page.locator("output").allTextContents();

  // One signal was given to both: a click in one shows in the other.
  await page.locator(".counter button").first().click();
  await page.locator('.counter[data-doubled="8"]').nth(1).waitFor();
  assert.deepEqual(await outputs(), ["4", "4"]);
  await untilTitle(page, "Count 4");
  const ids = await page.locator("output").evaluateAll((all) => all.map(({ id }) => id));
  assert.deepEqual(ids, ["P0i0-0", "P0i1-0"]);

  assert.match(
    await page.locator(".props").innerText(),
    /^true 1970-01-01T00:00:00.000Z 12345678901234567890 1\+2 <\/script><!--<script>$/,
  );

  await live("Fold").waitFor({ state: "attached" });
  assert.equal(await page.locator(".inside").count(), 0);
  await page.locator(".fold button").click();
  // Made in the browser, under a name that the server would have given.
  assert.equal(await page.locator(".inside").getAttribute("id"), "P0i3-0");
  await page.locator(".inside is-land[data-live] output").waitFor();
  await page.locator(".inside button").click();
  await page.locator('.inside [data-doubled="22"]').waitFor();
  assert.equal(await page.locator(".fold em").innerText(), "Title near");

  assert.equal(await page.locator(".late").innerText(), "asleep");
  assert.equal(await live("Late#Late").count(), 0);
  await page.locator(".late").scrollIntoViewIfNeeded();
  await live("Late#Late").waitFor({ state: "attached" });
  assert.match(await page.locator(".late img").getAttribute("src") ?? "", /__frsh_c=\w{16}$/);
}

async function checkPartials(page: Page, at: string): Promise<void> {
  await page.goto(`${at}/partials/one`);
  assert.equal(await page.locator(".how").innerText(), "loaded");
  // Survives a swap, not a page load.
  await page.evaluate(() => document.documentElement.setAttribute("data-same", ""));
  await page.locator("a").click();
  await page.locator(".how", { hasText: "swapped" }).waitFor();
  assert.equal(page.url(), `${at}/partials/two`);
  await page.locator("is-land[data-live]").waitFor({ state: "attached" });
  await page.locator(".counter button").click();
  await page.locator('.counter[data-doubled="42"]').waitFor();
  await untilTitle(page, "Count 21");
  await page.goBack();
  await page.locator("h1", { hasText: "one" }).waitFor();
  assert.equal(await page.locator("html[data-same]").count(), 1);
}

/** An island's effect sets the title a frame later. */
async function untilTitle(page: Page, title: string): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (await page.title() !== title && performance.now() < deadline) {
    await page.evaluate(() => new Promise((go) => requestAnimationFrame(go)));
  }
  assert.equal(await page.title(), title);
}
