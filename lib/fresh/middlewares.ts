/** The two ready-made middlewares of Fresh that a site of forms and canonical URLs needs. */
import type { Context } from "./context.ts";
import type { Middleware } from "./define.ts";
import { HttpError } from "./errors.ts";

export type CsrfOptions<State = unknown> = {
  /** Origins allowed besides none: one, several, or a test. Default: the origin of the request's own URL. */
  origin?: string | string[] | ((origin: string, ctx: Context<State>) => boolean);
};

/**
 * Refuses (403) unsafe requests that another site made a browser send, by `Sec-Fetch-Site` and `Origin`.
 * Requests with neither header come from no browser and pass.
 */
export function csrf<State>(options: CsrfOptions<State> = {}): Middleware<State> {
  const isAllowed = (origin: string | null, ctx: Context<State>): boolean => {
    if (origin === null) return false;
    const allowed = options.origin ?? ctx.url.origin;
    if (typeof allowed === "function") return allowed(origin, ctx);
    return Array.isArray(allowed) ? allowed.includes(origin) : allowed === origin;
  };
  return (ctx) => {
    const { method, headers } = ctx.req;
    if (method === "GET" || method === "HEAD" || method === "OPTIONS") return ctx.next();
    const site = headers.get("sec-fetch-site");
    const origin = headers.get("origin");
    const passes = site === "same-origin" || site === "none" || isAllowed(origin, ctx) ||
      (site === null && origin === null);
    if (!passes) throw new HttpError(403, "This form was sent from another site");
    return ctx.next();
  };
}

/** Redirects to the path with or without a slash at its end; for good (308), where Fresh says 302. */
export function trailingSlashes<State>(mode: "always" | "never"): Middleware<State> {
  return (ctx) => {
    const { pathname, search } = ctx.url;
    if (pathname === "/") return ctx.next();
    const isSlashed = pathname.endsWith("/");
    if (mode === "never" && isSlashed) return ctx.redirect(pathname.slice(0, -1) + search, 308);
    if (mode === "always" && !isSlashed) return ctx.redirect(`${pathname}/${search}`, 308);
    return ctx.next();
  };
}
