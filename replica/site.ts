/** The website beside the API: file routes under strict headers. */
import { Hono } from "hono";
import { fileURLToPath } from "node:url";
import { createApp } from "@/lib/fresh/app.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { SiteState } from "@/lib/site/define.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** No script, style or request but our own; nothing may frame us. */
const SECURITY_HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
} as const;

export type SiteOptions = {
  /** Makes what the pages know, once. */
  readonly state: () => Promise<SiteState>;
  readonly demo: boolean;
  readonly dev: boolean;
  readonly log: Log;
  /** Ends open streams when the gateway stops. */
  readonly signal: AbortSignal;
};

export type Site = {
  /** Any request that is neither the API's nor an operator's. */
  readonly answer: (request: Request) => Promise<Response>;
  /** Makes what the pages know before somebody asks for one; neither the API nor the start waits for it. */
  readonly begin: () => void;
};

/** Builds the site. */
export async function openSite(
  { state, demo, dev, log, signal }: SiteOptions,
): Promise<Site> {
  let made: Promise<SiteState> | null = null;
  const known = () => made ??= make();
  async function make(): Promise<SiteState> {
    try {
      const all = await state();
      if (signal.aborted) all.ogImages.close();
      else signal.addEventListener("abort", () => all.ogImages.close(), { once: true });
      return all;
    } catch (error) {
      // This page fails, and says so too; the next one tries again.
      made = null;
      if (!signal.aborted) log.error("site_failed", { error: asError(error) });
      throw error;
    }
  }
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.header(name, value);
    if (demo) context.header("x-emberlane-demo", "true");
  });
  await createApp({
    root: ROOT,
    dev,
    app,
    signal,
    use: [async (ctx) => {
      Object.assign(ctx.state as SiteState, await known());
      return await ctx.next();
    }],
    onError: (error) => log.error("page_failed", { error: asError(error) }),
  });
  return {
    answer: async (request) => await app.fetch(request),
    begin: () => void known().catch(() => {}), // told in the log
  };
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));
