/** What holds for every page there is: headers, markup, links, scripts, access. The site map says which there are. */
import assert from "node:assert/strict";
import {
  allPaths,
  checkAccessible,
  checkPage,
  JS_BYTES_MAX,
  PAGE_PATHS,
  THEME_BYTES_MAX,
  withBrowser,
  withPage,
  withSite,
} from "./support.ts";

/** Pages on which something lives; all others ship the theme toggle and nothing else. */
const ISLAND_PAGES = new Set([
  ...["/", "/models", "/models/ember-chat", "/pricing", "/status", "/learn"],
  ...["/learn/economics/gateway-or-self-host", "/learn/economics/scale-to-zero-arithmetic"],
]);
/** One of each kind, besides the pages without a parameter. */
const SAMPLES = [
  ...["/models/ember-chat", "/learn/economics", "/learn/economics/gateway-or-self-host"],
  ...[
    "/learn/reliability/anatomy-of-a-gpu-wake",
    "/glossary/wake",
    "/learn?q=wake",
    "/economics/inputs?window=24h",
    "/nothing-here",
  ],
];
const ARTICLE = "/learn/economics/scale-to-zero-arithmetic";
const PATHS = [...PAGE_PATHS, ...SAMPLES];

Deno.test("every page of the site map answers with strict headers and clean markup, and its links lead somewhere", async () => {
  await withSite(async (site) => {
    const paths = await allPaths(site);
    assert.ok(paths.length > 70, `${paths.length} pages`);
    const links = new Map<string, string>();
    for (const path of paths) {
      const { html } = await checkPage(site, path);
      assert.match(html, /Demo:<\/strong> every machine here is simulated/, path);
      assert.equal(html.match(/<title>/g)?.length, 1, path);
      assert.equal(html.match(/rel="canonical"/g)?.length, 1, path);
      assert.match(html, /<meta name="description" content="[^"]{20,}/, path);
      const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
      assert.equal(new Set(ids).size, ids.length, `${path} repeats an id`);
      for (const [, href = ""] of html.matchAll(/<a [^>]*?href="(\/[^"]*)"/g)) {
        links.set(href, path);
      }
      for (const [, id = ""] of html.matchAll(/<a [^>]*?href="#([^"]+)"/g)) {
        assert.ok(ids.includes(id), `${path} links to #${id}`);
      }
    }
    for (const [href, from] of links) {
      const response = await fetch(site.url + href, { redirect: "manual" });
      await response.body?.cancel();
      assert.ok(response.status < 400, `${from} links to ${href}: ${response.status}`);
    }
  });
});

Deno.test("no page leaves the origin or breaks its policy; pages without islands ship the toggle alone, the others under 20 KB", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      for (const path of PATHS) {
        await withPage(browser, site, {}, async (page, tally) => {
          await page.goto(path, { waitUntil: "load" });
          await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
          await page.waitForLoadState("networkidle").catch(() => {});
          const bytes = await tally.scriptBytes();
          const most = ISLAND_PAGES.has(path.replace(/\?.*/, "")) ? JS_BYTES_MAX : THEME_BYTES_MAX;
          assert.ok(bytes > 0 && bytes <= most, `${path} ships ${bytes} B of JavaScript`);
          const complaints = tally.complaints.filter((text) =>
            !(path === "/nothing-here" && text.includes("404"))
          );
          assert.deepEqual(complaints, [], path);
        });
      }
    });
  });
});

Deno.test("axe finds nothing on any kind of page, light and dark, and nothing overflows from 320 pixels on", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      const found: string[] = [];
      for (const path of PATHS) {
        await checkAccessible(browser, site, path).catch((error) => found.push(error.message));
      }
      assert.deepEqual(found, []);
    });
  });
});

Deno.test("the keyboard alone reaches every link, button and field, and shows where it is", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      for (const path of ["/", "/models", "/pricing", "/status", "/learn", "/faq", ARTICLE]) {
        await withPage(browser, site, {}, async (page) => {
          await page.goto(path);
          const count = await page.evaluate(() => {
            const selector = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
            const visible = [...document.querySelectorAll<HTMLElement>(selector)].filter((
              element,
            ) =>
              element.checkVisibility() && !element.closest("[inert]") &&
              // Of a group of radio buttons, Tab reaches the chosen one; arrows the others.
              !(element instanceof HTMLInputElement && element.type === "radio" && !element.checked)
            );
            for (const element of visible) element.dataset["unreached"] = "";
            return visible.length;
          });
          const unseen: string[] = [];
          for (let i = 0; i < count + 5; i++) {
            await page.keyboard.press("Tab");
            const hidden = await page.evaluate(() => {
              const focused = document.activeElement;
              if (!(focused instanceof HTMLElement) || focused === document.body) return null;
              delete focused.dataset["unreached"];
              const ring = getComputedStyle(focused).outlineStyle !== "none" ||
                (focused.nextElementSibling !== null &&
                  getComputedStyle(focused.nextElementSibling).outlineStyle !== "none");
              return ring ? null : focused.outerHTML.slice(0, 80);
            });
            if (hidden !== null) unseen.push(hidden);
          }
          const missed = await page.evaluate(() =>
            [...document.querySelectorAll("[data-unreached]")].map((one) =>
              one.outerHTML.slice(0, 80)
            )
          );
          assert.deepEqual(missed, [], path);
          assert.deepEqual(unseen, [], `${path}: focus that does not show`);
        });
      }
    });
  });
});
