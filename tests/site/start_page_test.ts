/** The start page and the error pages, in memory of a real replica and in a real browser. */
import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium } from "playwright-core";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { fleetYaml, type Gateway, simTier, startGateway, tempDir } from "../e2e/support.ts";

const CHROMIUM = "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

async function withSite(body: (gateway: Gateway) => Promise<void>): Promise<void> {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const fleet = `site: { demo: true }\n${fleetYaml(simTier("spot"))}`;
  const gateway = await startGateway(fleet, database.target, dir.path);
  try {
    await body(gateway);
  } finally {
    await gateway.stop();
  }
}

Deno.test("the start page says that it is a demo, shows the lineup, and carries strict headers; so do the error pages", async () => {
  await withSite(async ({ url }) => {
    for (const [path, status] of [["/", 200], ["/nothing-here", 404]] as const) {
      const response = await fetch(url + path);
      const html = await response.text();
      assert.equal(response.status, status, path);
      assert.equal(response.headers.get("x-emberlane-demo"), "true", path);
      const policy = response.headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'/, path);
      assert.doesNotMatch(policy, /unsafe/, path);
      assert.equal(html.match(/<h1/g)?.length, 1, path);
      assert.match(html, /Demo:<\/strong> every machine here is simulated/, path);
      assert.doesNotMatch(
        html,
        /<script(?! src="\/theme\.js)|style=|<style|(?:src|href)="https?:\/\/(?!localhost)/,
        path,
      );
    }
    const html = await (await fetch(url)).text();
    assert.match(html, /spot 0[\s\S]*Cold[\s\S]*no data yet/);
    const css = /href="(\/app\.css[^"]*)"/.exec(html)?.[1] ?? "";
    const sheet = await fetch(url + css);
    assert.match(sheet.headers.get("cache-control") ?? "", /immutable/);
    await sheet.body?.cancel();
  });
});

Deno.test("axe finds nothing on the start and error pages in light and dark, and nothing overflows at 320 pixels", async () => {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    await withSite(async ({ url }) => {
      for (const colorScheme of ["light", "dark"] as const) {
        for (const path of ["/", "/nothing-here"]) {
          // The check itself is a script from elsewhere, which our policy rightly refuses.
          const context = await browser.newContext({
            colorScheme,
            bypassCSP: true,
            viewport: { width: 320, height: 700 },
          });
          const page = await context.newPage();
          await page.goto(url + path);
          await page.addScriptTag({ content: axe.source });
          const found = await page.evaluate(async () => {
            const run = Reflect.get(globalThis, "axe") as {
              run(): Promise<{ violations: { id: string }[] }>;
            };
            return (await run.run()).violations.map(({ id }) => id);
          });
          assert.deepEqual(found, [], `${path} ${colorScheme}`);
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(width <= 320, `${path} is ${width} wide`);
          await context.close();
        }
      }
    });
  } finally {
    await browser.close();
  }
});
