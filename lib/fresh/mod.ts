/**
 * What routes import as `"fresh"`: the names of Fresh 2 (`@fresh/core`) with the same meaning, and nothing else.
 * The server itself is started with `createApp` of `app.ts`, which stands where Fresh has `new App().fsRoutes()`.
 */
export { createDefine, type Define } from "./define.ts";
export { HttpError } from "./errors.ts";
export {
  type HandlerByMethod,
  type HandlerFn,
  type Method,
  page,
  type PageResponse,
  type RouteData,
  type RouteHandler,
} from "./handlers.ts";
export type {
  Context,
  Context as FreshContext,
  LayoutConfig,
  PageProps,
  ResolvedFreshConfig,
  RouteConfig,
} from "./context.ts";
export type { Middleware, Middleware as MiddlewareFn } from "./define.ts";
export { csrf, type CsrfOptions, trailingSlashes } from "./middlewares.ts";
