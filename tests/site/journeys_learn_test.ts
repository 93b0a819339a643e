/** Reading the hub in a real browser: an article and its contents, the search, the calculators, and all without JavaScript. */
import assert from "node:assert/strict";
import { withBrowser, withPage, withSite } from "./support.ts";

const ARTICLE = "/learn/economics/scale-to-zero-arithmetic";

Deno.test("a reader goes through an article by its contents, its sources and its neighbours", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      await withPage(browser, site, {}, async (page, tally) => {
        await page.goto("/learn");
        await page.getByRole("link", { name: "Scale-to-zero arithmetic" }).first().click();
        assert.equal(await page.locator("h1").innerText(), "Scale-to-zero arithmetic");
        const contents = page.getByRole("navigation", { name: "Contents" });
        await contents.getByRole("link", { name: "The pattern that defeats it" }).click();
        assert.equal(new URL(page.url()).hash, "#the-pattern-that-defeats-it");
        await page.waitForFunction(() => {
          const top = document.querySelector("#the-pattern-that-defeats-it")
            ?.getBoundingClientRect().top;
          return top !== undefined && top >= 0 && top < innerHeight / 2;
        });
        await page.locator("a.cite").first().click();
        assert.match(new URL(page.url()).hash, /^#source-\d+$/);
        await page.getByRole("navigation", { name: "Neighbouring articles" })
          .getByRole("link", { name: "Next" }).click();
        await page.waitForURL(/\/learn\/economics\/reading-usage-and-budgets$/);
        assert.deepEqual(tally.complaints, []);
      });
    });
  });
});

Deno.test("a reader searches the hub, with a slip, by keyboard alone", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      await withPage(browser, site, {}, async (page, tally) => {
        await page.goto("/learn");
        const box = page.getByRole("searchbox");
        await box.focus();
        await page.keyboard.type("hibernaton");
        const hit = page.locator(".hits a").first();
        await hit.waitFor();
        const title = await hit.innerText();
        assert.match(title, /hibernation/i);
        while (await page.evaluate(() => document.activeElement?.closest(".hits") === null)) {
          await page.keyboard.press("Tab");
        }
        await page.keyboard.press("Enter");
        await page.waitForURL(/hibernation/);
        assert.equal(await page.locator("h1").innerText(), title);
        assert.deepEqual(tally.complaints, []);
      });
    });
  });
});

Deno.test("the calculators answer the reader's own numbers", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      await withPage(browser, site, {}, async (page) => {
        await page.goto(ARTICLE);
        const calculator = page.getByRole("region", {
          name: "Calculator: sleeping between bursts",
        });
        await calculator.scrollIntoViewIfNeeded();
        assert.match(await calculator.innerText(), /Always on\s+\$1,800\.00 a month/);
        // The island wakes when it is seen; until then an entry would be lost.
        await page.waitForFunction(async () => {
          const input = document.querySelector<HTMLInputElement>("#idle-usdPerHour");
          if (input === null) return false;
          input.value = "5";
          input.dispatchEvent(new Event("input", { bubbles: true }));
          await new Promise((resolve) => setTimeout(resolve, 50));
          return document.body.innerText.includes("$3,600.00 a month");
        });
        await page.goto("/learn/economics/gateway-or-self-host");
        assert.match(
          await page.getByRole("region", { name: "Calculator: buy tokens" }).innerText(),
          /They cost the same at/,
        );
      });
    });
  });
});

Deno.test("without JavaScript the hub reads, searches and calculates its example", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      await withPage(browser, site, { javaScriptEnabled: false }, async (page) => {
        await page.goto("/learn");
        await page.getByRole("searchbox").fill("cold start");
        await page.keyboard.press("Enter");
        await page.waitForURL(/\/learn\?q=cold/);
        assert.ok(await page.locator(".hits a").count() > 0);
        await page.goto(ARTICLE);
        assert.match(await page.locator(".calculator").innerText(), /Sleeping saves/);
        assert.match(await page.locator("main").innerText(), /no data yet/);
      });
    });
  });
});
