/** What the site's tests stand on: a gateway with pages, a browser that keeps a tally, and checks for any page. */
import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { DatabaseTarget, Sql } from "@/lib/kernel/database.ts";
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
/** A step of a journey takes no longer than this on a slow machine. */
const STEP_MS_MAX = 30_000;
/** All JavaScript of an island page, compressed. */
export const JS_BYTES_MAX = 20_000;
/** The theme toggle: the only script of a page without islands. */
export const THEME_BYTES_MAX = 1_000;
export const WIDTHS = [320, 1440] as const;
export const SCHEMES = ["light", "dark"] as const;

/** Pages of the site that need no parameter. The site map adds the articles, terms and models. */
export const PAGE_PATHS = [
  "/",
  "/models",
  "/pricing",
  "/status",
  "/economics",
  "/economics/method",
  "/economics/inputs",
  "/learn",
  "/glossary",
  "/how-it-works",
  "/faq",
  "/docs/api",
  "/suppliers",
] as const;

export type Site = {
  readonly url: string;
  readonly gateway: Gateway;
  readonly sql: Sql;
  readonly target: DatabaseTarget;
};

/** A demo with two tiers of simulated machines and a model of every kind worth telling apart. */
export const SITE_FLEET = `
site: { demo: true, operator: "A. Tester" }
models:
  - id: ember-chat
    name: Ember Chat
    vendor: Emberlane
    kind: chat
    description: A simulated chat model.
    context_tokens: 32768
    aliases: [demo]
    prices: { spot: { input: "0.10", output: "0.40" }, standard: { input: "0.20", output: "0.80" } }
  - id: acme/coder-7b
    name: Coder 7B
    vendor: Acme
    kind: code
    context_tokens: 16384
    prices: { spot: { input: "0.05", output: "0.15" } }
  - { id: vectors, name: Vectors, vendor: Acme, kind: embedding, context_tokens: 8192 }
lineup:${
  [simTier("spot"), simTier("standard")].join("").replaceAll(
    "serves: { m: m }",
    "serves: { ember-chat: m, acme/coder-7b: m, vectors: m }",
  )
}`;

/** Starts a gateway with its own database, hands it to `body`, and stops it. */
export async function withSite(
  body: (site: Site) => Promise<void>,
  fleet: string = SITE_FLEET,
): Promise<void> {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const gateway = await startGateway(fleet, database.target, dir.path);
  try {
    await body({ url: gateway.url, gateway, sql: database.sql, target: database.target });
  } finally {
    await gateway.stop();
  }
}

/** The smallest fleet there is: no prices, no history. */
export const BARE_FLEET = fleetYaml(simTier("spot")).replace(/, prices: \{.*?\} \}/, "");

/** Every page: those without a parameter, and those the site map names. */
export async function allPaths({ url }: Pick<Site, "url">): Promise<string[]> {
  const response = await fetch(`${url}/sitemap.xml`);
  const text = await response.text();
  const named = response.ok
    ? [...text.matchAll(/<loc>([^<]*)<\/loc>/g)].map(([, loc = ""]) => new URL(loc).pathname)
    : [];
  return [...new Set([...PAGE_PATHS, ...named])];
}

export async function withBrowser(body: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    await body(browser);
  } finally {
    await browser.close();
  }
}

/** What a page did that no page may do, and the bytes of script it fetched. */
export type Tally = {
  /** Errors on the console (a CSP violation is one), uncaught errors, and requests that left the origin. */
  readonly complaints: string[];
  /** Compressed bytes of JavaScript so far. */
  scriptBytes(): Promise<number>;
};

/** Opens a page in a context of its own and keeps a tally of it. The context ends with `body`. */
export async function withPage(
  browser: Browser,
  { url }: Pick<Site, "url">,
  options: BrowserContextOptions,
  body: (page: Page, tally: Tally) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    baseURL: url,
    ...options,
  });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(STEP_MS_MAX);
    await body(page, tallyOf(page, url));
  } finally {
    await context.close();
  }
}

function tallyOf(page: Page, url: string): Tally {
  const complaints: string[] = [];
  const sizes: Promise<number>[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== new URL(url).origin) {
      complaints.push(`left the origin: ${request.url()}`);
    }
  });
  page.on("requestfinished", (request) => {
    if (request.resourceType() !== "script") return;
    sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize, () => 0));
  });
  return {
    complaints,
    async scriptBytes() {
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    },
  };
}

/**
 * Checks a page at both widths in both schemes: axe finds nothing, nothing overflows, nothing complains. The checker is
 * a script from elsewhere, which our policy rightly refuses, so it runs in the browser without that policy.
 */
export async function checkAccessible(browser: Browser, site: Pick<Site, "url">, path: string) {
  for (const colorScheme of SCHEMES) {
    for (const width of WIDTHS) {
      const where = `${path} ${colorScheme} ${width}`;
      const options = { colorScheme, bypassCSP: true, viewport: { width, height: 900 } };
      await withPage(browser, site, options, async (page) => {
        await page.goto(path);
        assert.deepEqual(await axeViolations(page), [], where);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${where} is ${wide} wide`);
      });
    }
  }
}

/** The rules of axe that the page breaks, each with the elements that do. */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    type Found = { violations: { id: string; nodes: { target: unknown[] }[] }[] };
    const run = Reflect.get(globalThis, "axe") as { run(): Promise<Found> };
    const { violations } = await run.run();
    return violations.map(({ id, nodes }) =>
      `${id}: ${nodes.map(({ target }) => String(target)).join(", ")}`
    );
  });
}

/** Checks what the server sends for a page: status, strict headers, one h1, nothing inline, nothing external. */
export async function checkPage({ url }: Pick<Site, "url">, path: string, status = 200) {
  const response = await fetch(url + path, { redirect: "manual" });
  const html = await response.text();
  assert.equal(response.status, status, path);
  const policy = response.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/, path);
  assert.doesNotMatch(policy, /unsafe/, path);
  assert.equal(response.headers.get("x-content-type-options"), "nosniff", path);
  assert.equal(html.match(/<h1[\s>]/g)?.length, 1, `${path} has one h1`);
  const markup = withoutText(html);
  assert.doesNotMatch(markup, /<style|\sstyle=|\son[a-z]+=/, `${path} holds nothing inline`);
  for (const [tag] of markup.matchAll(/<script[^>]*>/g)) {
    assert.match(tag, /src="\/|type="application\/(ld\+)?json"/, `${path}: ${tag}`);
  }
  for (
    const [, address = ""] of markup.matchAll(/<(?:script|img|source|iframe)[^>]*?\ssrc="([^"]*)"/g)
  ) {
    assert.match(address, /^\//, `${path} loads ${address}`);
  }
  for (const [tag] of markup.matchAll(/<link[^>]*rel="(?:stylesheet|icon|preload)"[^>]*>/g)) {
    assert.match(tag, /href="\//, `${path}: ${tag}`);
  }
  return { html, headers: response.headers };
}

/** The markup alone: what stands in code, in data and between tags is not. */
function withoutText(html: string): string {
  return html.replace(/(<script type="application\/[^>]*>)[\s\S]*?(<\/script>)/g, "$1$2")
    .replace(/>[^<]*</g, "><");
}
