/** The API reference, how it works, questions, suppliers: what they send, what they show, and that their examples run. */
import assert from "node:assert/strict";
import { ERROR_TABLE } from "@/lib/kernel/errors.ts";
import { INFERENCE_ROUTES } from "@/lib/gateway/inference_routes.ts";
import { makeKey } from "../e2e/support.ts";
import {
  checkAccessible,
  checkPage,
  THEME_BYTES_MAX,
  withBrowser,
  withPage,
  withSite,
} from "./support.ts";

const PATHS = ["/docs/api", "/how-it-works", "/faq", "/suppliers"] as const;

Deno.test("the reference pages hold one h1, nothing inline, links that lead somewhere, and fragments that exist", async () => {
  await withSite(async (site) => {
    const pages = new Map<string, string>();
    for (const path of PATHS) pages.set(path, (await checkPage(site, path)).html);
    const broken: string[] = [];
    for (const path of PATHS) {
      const html = pages.get(path) ?? "";
      assert.equal(html.match(/<script src=/g)?.length, 1, `${path} has the theme's script alone`);
      const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
      assert.equal(new Set(ids).size, ids.length, `${path} uses an id twice`);
      for (const [, href = ""] of html.matchAll(/<a [^>]*href="([^"]+)"/g)) {
        const [target = "", fragment] = href.split("#");
        if (/^https?:/.test(href)) continue;
        const there = target === "" || target === path
          ? html
          : pages.get(target) ?? await textOrNull(site.url + target);
        if (there !== null) pages.set(target === "" ? path : target, there);
        const isThere = there !== null &&
          (fragment === undefined || there.includes(` id="${fragment}"`));
        if (!isThere) broken.push(`${path} links to ${href}`);
      }
    }
    assert.deepEqual(broken, []);
  });
});

async function textOrNull(url: string): Promise<string | null> {
  const response = await fetch(url);
  const body = await response.text();
  return response.status === 200 ? body : null;
}

async function text(url: string): Promise<string> {
  const body = await textOrNull(url);
  assert.ok(body !== null, url);
  return body;
}

Deno.test("the API reference shows every route, every error code and every header", async () => {
  await withSite(async ({ url }) => {
    const html = await text(`${url}/docs/api`);
    for (const { path } of INFERENCE_ROUTES) assert.ok(html.includes(`</span> ${path}`), path);
    for (const code of Object.keys(ERROR_TABLE)) {
      assert.ok(html.includes(`id="error-${code}"`), code);
    }
    for (const name of ["prefer", "x-emberlane-wake", "x-session-id"]) {
      assert.ok(html.includes(`id="send-${name}"`), name);
    }
  });
});

Deno.test("the JavaScript examples of the API reference run as they stand and print an answer", async () => {
  await withSite(async ({ url, sql }) => {
    const { secret } = await makeKey(sql);
    Deno.env.set("EMBERLANE_KEY", secret);
    const printed: unknown[] = [];
    const log = console.log;
    console.log = (...values: unknown[]) => void printed.push(...values);
    try {
      const html = await text(`${url}/docs/api`);
      const examples = [...html.matchAll(/in JavaScript"[^>]*>\s*<code>([\s\S]*?)<\/code>/g)];
      assert.equal(examples.length, INFERENCE_ROUTES.length + 2);
      for (const [, escaped = ""] of examples) {
        const source = escaped.replace(/<[^>]+>/g, "").replaceAll("&quot;", '"').replaceAll(
          "&gt;",
          ">",
        ).replaceAll(
          "&lt;",
          "<",
        )
          .replaceAll("&#x27;", "'").replaceAll("&amp;", "&").replaceAll(
            "http://localhost:8000",
            url,
          );
        const count = printed.length;
        await import(
          `data:text/javascript,${
            encodeURIComponent(`import process from "node:process";\n${source}`)
          }`
        );
        assert.equal(printed.length, count + 1, source);
        assert.notEqual(printed[count], undefined, source);
      }
    } finally {
      console.log = log;
      Deno.env.delete("EMBERLANE_KEY");
    }
  });
});

Deno.test("axe finds nothing on the reference pages, light and dark, and nothing overflows", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      for (const path of PATHS) await checkAccessible(browser, site, path);
    });
  });
});

Deno.test("a language is chosen without JavaScript, by keyboard, and the page ships the theme's script alone", async () => {
  await withSite(async (site) => {
    await withBrowser(async (browser) => {
      await withPage(browser, site, { javaScriptEnabled: false }, async (page) => {
        await page.goto("/docs/api");
        const python = page.getByText("from openai import OpenAI").first();
        assert.equal(await python.isVisible(), false);
        await page.getByRole("radio", { name: "curl" }).first().focus();
        await page.keyboard.press("ArrowRight");
        await python.waitFor({ state: "visible" });
        assert.equal(await page.locator("[data-language=curl]").first().isVisible(), false);
      });
      await withPage(browser, site, {}, async (page, tally) => {
        for (const path of PATHS) await page.goto(path);
        assert.ok(await tally.scriptBytes() <= THEME_BYTES_MAX * PATHS.length);
        assert.deepEqual(tally.complaints, []);
      });
    });
  });
});
