/** `createApp`: mounts a project's routes, islands and static files on a Hono app. */
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { type Context as HonoContext, Hono } from "hono";
import { serveAsset } from "./assets.ts";
import { type Build, makeBuild, readyBuild } from "./build.ts";
import type { Middleware } from "./define.ts";
import { type DevReload, RELOAD_SCRIPT_URL, startDevReload } from "./dev_reload.ts";
import { dispatch, type Dispatcher } from "./dispatch.ts";
import { loadRoutes, matchRoute } from "./file_routes.ts";
import type { Island, When } from "./islands.ts";
import { createRenderer } from "./render.ts";
import { islandName, listSources } from "./sources.ts";

export type AppOptions<State> = {
  /** The folder that holds `routes/`, `islands/` and `static/`. */
  root: string;
  /** Watch, rebuild and reload; nothing is minified, compressed or cached. */
  dev?: boolean;
  /** An app to mount on: what it already routes comes first. */
  app?: Hono;
  /** Runs around every route and error page, before `routes/_middleware`; Fresh's `app.use()`. */
  use?: Middleware<State>[];
  /** Told of each error of status 500 or above, once. Default: the console. */
  onError?(error: unknown, request: Request): void;
  /** Stops the watcher of development. */
  signal?: AbortSignal;
};

/**
 * Loads every route and island, and the build in `dist/` (or makes one in memory if that is missing or stale).
 * Throws when a route file is unsound or an island cannot be bundled.
 */
export async function createApp<State = unknown>(options: AppOptions<State>): Promise<Hono> {
  const { dev = false, app = new Hono(), use = [] } = options;
  const root = resolve(options.root);
  // Contexts are made here with an empty state; the middlewares of `use` are who fill it.
  const outer = use as Middleware<unknown>[];
  let [build, routes, islands] = await Promise.all([
    dev ? makeBuild(root, "none") : readyBuild(root),
    loadRoutes(root, outer),
    loadIslands(root),
  ]);

  const dispatcher: Dispatcher = {
    routes,
    config: { root, basePath: "", mode: dev ? "development" : "production" },
    renderDocument: createRenderer(() => build, () => islands, dev ? [RELOAD_SCRIPT_URL] : []),
    onError: options.onError ?? ((error) => console.error(error)),
  };
  const reload = !dev ? null : startDevReload(root, async () => {
    build = await makeBuild(root, "none");
    // Modules already loaded come from the cache; what is new is added.
    [dispatcher.routes, islands] = await Promise.all([loadRoutes(root, outer), loadIslands(root)]);
  });
  options.signal?.addEventListener("abort", () => reload?.close());

  mount(app, dispatcher, () => build, reload);
  return app;
}

function mount(
  app: Hono,
  dispatcher: Dispatcher,
  build: () => Build,
  reload: DevReload | null,
): void {
  const isDev = reload !== null;
  app.use("*", async (c, next) => {
    const request = c.req.raw;
    const url = urlOf(request);
    const file = serveAsset(build(), request, url, isDev) ?? reload?.serve(url.pathname);
    if (file) return file;
    const found = matchRoute(dispatcher.routes, url.pathname);
    // What is routed on the same app later may still know the path; `notFound` is asked last.
    if (found === null) return await next();
    return await dispatch(dispatcher, request, infoOf(c), url, found);
  });
  app.notFound((c) => {
    return dispatch(dispatcher, c.req.raw, infoOf(c), urlOf(c.req.raw), null);
  });
}

async function loadIslands(root: string): Promise<Map<unknown, Island>> {
  const islands = new Map<unknown, Island>();
  for (const path of (await listSources(root)).islands) {
    const module: Record<string, unknown> = await import(pathToFileURL(resolve(root, path)).href);
    const file = islandName(path);
    for (const [key, component] of Object.entries(module)) {
      if (typeof component !== "function") continue;
      islands.set(component, {
        name: key === "default" ? file : `${file}#${key}`,
        file,
        when: whenOf(path, module.when),
        component: component as Island["component"],
      });
    }
  }
  return islands;
}

function whenOf(path: string, when: unknown): When {
  if (when === undefined) return "load";
  if (when === "load" || when === "idle" || when === "visible") return when;
  throw new Error(`Cannot load ${path} at "${when}": \`when\` is "load", "idle" or "visible"`);
}

function urlOf(request: Request): URL {
  const url = new URL(request.url);
  if (url.pathname.includes("//")) url.pathname = url.pathname.replace(/\/+/g, "/");
  return url;
}

const NO_ADDRESS: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 0 };

/** `app.fetch(request, info)` gives Hono what `Deno.serve` knows of the connection; a test gives nothing. */
function infoOf(c: HonoContext): Deno.ServeHandlerInfo {
  const info = c.env as Partial<Deno.ServeHandlerInfo> | undefined;
  if (info?.remoteAddr !== undefined && info.completed !== undefined) {
    return { remoteAddr: info.remoteAddr, completed: info.completed };
  }
  return { remoteAddr: NO_ADDRESS, completed: Promise.resolve() };
}
