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
  readonly state: SiteState;
  readonly dev: boolean;
  readonly log: Log;
  /** Ends open streams when the gateway stops. */
  readonly signal: AbortSignal;
};

/** Builds the site; answers any request that is neither the API's nor an operator's. */
export async function openSite(
  { state, dev, log, signal }: SiteOptions,
): Promise<(request: Request) => Promise<Response>> {
  signal.addEventListener("abort", () => state.ogImages.close(), { once: true });
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.header(name, value);
    if (state.demo) context.header("x-emberlane-demo", "true");
  });
  await createApp({
    root: ROOT,
    dev,
    app,
    signal,
    use: [(ctx) => {
      Object.assign(ctx.state as SiteState, state);
      return ctx.next();
    }],
    onError: (error) =>
      log.error("page_failed", {
        error: error instanceof Error ? error : new Error(String(error)),
      }),
  });
  return async (request) => await app.fetch(request);
}
