/** What visitors do on the pages about this deployment, in a real browser, each page under its own strict policy. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { chat, makeKey } from "../e2e/support.ts";
import {
  checkAccessible,
  JS_BYTES_MAX,
  type Site,
  type Tally,
  THEME_BYTES_MAX,
  withBrowser,
  withPage,
  withSite,
} from "./support.ts";

const PATHS = ["/", "/models", "/models/acme/coder-7b", "/pricing", "/status", "/nothing-here"];
const ISLAND_PATHS = ["/", "/models", "/models/acme/coder-7b", "/pricing", "/status"];

/** A journey of its own page on a shared gateway. */
type Journey = (page: Page, site: Site, tally: Tally) => Promise<void>;

const isLive = (page: Page, island: string) =>
  page.locator(`is-land[n="${island}"][data-live]`).first().waitFor({ state: "attached" });
const cards = (page: Page) => page.locator(".model h2").allInnerTexts();

const JOURNEYS: Record<string, Journey> = {
  async "filter the catalogue as you type, and send the list to somebody"(page) {
    await page.goto("/models");
    await isLive(page, "ModelFilter");
    assert.equal((await cards(page)).length, 3);
    await page.getByRole("searchbox").fill("acme");
    await page.getByText("2 of 3 models").waitFor();
    assert.deepEqual(await cards(page), ["Coder 7B", "Vectors"]);
    assert.match(page.url(), /q=acme/);
    await page.reload();
    assert.deepEqual(await cards(page), ["Coder 7B", "Vectors"]);
    await page.getByRole("searchbox").fill("nothing has this name");
    await page.getByText("0 of 3 models").waitFor();
    await page.goto("/models?kind=code");
    await page.getByRole("link", { name: "Coder 7B" }).click();
    await page.getByRole("heading", { level: 1, name: "Coder 7B" }).waitFor();
  },

  async "price a workload"(page) {
    await page.goto("/pricing");
    await isLive(page, "PriceCalculator");
    await page.getByText("$18.60").first().waitFor();
    await page.getByLabel("Requests per day").fill("4000");
    await page.getByText("$37.20").first().waitFor();
    await page.getByText("$74.40").first().waitFor();
    await page.getByLabel("Model", { exact: true }).selectOption("acme/coder-7b");
    await page.getByLabel("Completion tokens per request").fill("0");
    await page.getByText("$9.00").first().waitFor();
  },

  async "copy code in the language of choice, and choose it with the keyboard"(page) {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto("/");
    await isLive(page, "CopyButton");
    const shown = page.locator(".tab-panel:visible code");
    assert.match(await shown.innerText(), /from openai import OpenAI/);
    await page.getByRole("radio", { name: "Python" }).focus();
    await page.keyboard.press("ArrowRight");
    assert.match(await shown.innerText(), /import OpenAI from "openai"/);
    await page.locator(".tab-panel:visible .copy").click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /^import OpenAI from "openai";\n\nconst client/);
  },

  async "toggle the dark colours and keep them over navigation and reload"(page) {
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto("/");
    const paper = () =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await paper();
    await page.getByRole("button", { name: /light and dark/ }).click();
    const dark = await paper();
    assert.notEqual(dark, light);
    await page.goto("/pricing");
    assert.equal(await paper(), dark);
    await page.reload();
    assert.equal(await paper(), dark);
    await page.getByRole("button", { name: /light and dark/ }).click();
    assert.equal(await paper(), light);
  },

  async "watch a wake from Cold to Active that a request asked for"(page, site) {
    await page.goto("/status");
    await page.getByText("Live", { exact: true }).last().waitFor();
    const tier = page.locator('[data-tier="spot"]');
    assert.equal(await tier.locator(".state").innerText(), "Cold");
    const { secret } = await makeKey(site.sql);
    const answered = chat(site.url, secret, { model: "ember-chat", max_tokens: 3 });
    await tier.locator(".state", { hasText: "Warming up" }).waitFor();
    await tier.locator(".wake-step.running").first().waitFor();
    await tier.locator(".state", { hasText: "Active" }).waitFor();
    const response = await answered;
    assert.equal(response.status, 200);
    await response.body?.cancel();
    await tier.locator(".wake-step.load.done").waitFor();
    await tier.locator(".wake-step.firstToken.done").waitFor();
    assert.match(await page.getByRole("status").first().innerText(), /spot/);
    await page.locator(".wakes .outcome.served").first().waitFor();
    // Without JavaScript the server tells the same.
    const html = await (await fetch(`${site.url}/status`)).text();
    assert.match(html, /class="state active"/);
    assert.match(html, /class="outcome served"/);
  },
};

Deno.test({
  name: "journeys of a visitor",
  // The browser's pipes belong to playwright; it closes them after the last line.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await withSite((site) =>
      withBrowser(async (browser) => {
        for (const [name, journey] of Object.entries(JOURNEYS)) {
          await t.step(name, () =>
            withPage(browser, site, {}, async (page, tally) => {
              await journey(page, site, tally);
              assert.deepEqual(tally.complaints, []);
            }));
        }
        await t.step("every page is whole with JavaScript off", async () => {
          for (const path of PATHS) {
            await withPage(browser, site, { javaScriptEnabled: false }, async (page) => {
              await page.goto(path);
              assert.equal(await page.locator("h1").count(), 1, path);
              assert.ok(await page.locator("main").innerText() !== "", path);
              assert.equal(await page.locator(".copy:visible").count(), 0, path);
            });
          }
          await withPage(browser, site, { javaScriptEnabled: false }, async (page) => {
            await page.goto("/models");
            await page.getByRole("searchbox").fill("acme");
            await page.keyboard.press("Enter");
            await page.getByText("2 of 3 models").waitFor();
            await page.goto("/pricing");
            await page.getByLabel("Requests per day").fill("4000");
            await page.keyboard.press("Enter");
            await page.getByText("$37.20").first().waitFor();
            await page.goto("/");
            await page.getByText("curl", { exact: true }).click();
            assert.match(await page.locator(".tab-panel:visible code").innerText(), /^curl http/);
          });
        });
        await t.step(
          "an island page is small, and a page without islands ships the toggle alone",
          async () => {
            for (const path of PATHS) {
              await withPage(browser, site, {}, async (page, tally) => {
                await page.goto(path, { waitUntil: "load" });
                if (ISLAND_PATHS.includes(path)) {
                  await page.locator("is-land[data-live]").first().waitFor({ state: "attached" });
                }
                const bytes = await tally.scriptBytes();
                const most = ISLAND_PATHS.includes(path) ? JS_BYTES_MAX : THEME_BYTES_MAX;
                assert.ok(bytes > 0 && bytes <= most, `${path} ships ${bytes} bytes of script`);
                const expected = path === "/nothing-here" ? 1 : 0; // the 404 itself is an error to the browser
                assert.equal(tally.complaints.length, expected, `${path}: ${tally.complaints}`);
              });
            }
          },
        );
        await t.step(
          "axe finds nothing, and nothing overflows, in light and dark, narrow and wide",
          async () => {
            for (const path of PATHS) await checkAccessible(browser, site, path);
          },
        );
      })
    );
  },
});
