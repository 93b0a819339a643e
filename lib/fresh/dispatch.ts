/** Answers one request: match, middleware from the outside in, handler, page; an error is rendered once. */
import {
  Context,
  renderComponent,
  type RenderDocument,
  type ResolvedFreshConfig,
  setWrapping,
  type Wrapping,
  wrappingOf,
} from "./context.ts";
import type { Middleware } from "./define.ts";
import { HttpError, plainErrorResponse, statusOf } from "./errors.ts";
import {
  type Folder,
  type Route,
  type RouteMatch,
  type RouteModule,
  type Routes,
} from "./file_routes.ts";
import type { HandlerFn, Method, PageResponse } from "./handlers.ts";

export type Dispatcher = {
  routes: Routes;
  config: ResolvedFreshConfig;
  renderDocument: RenderDocument;
  /** Told of every error that is not a deliberate refusal: status 500 and above, and errors of error pages. */
  onError(error: unknown, request: Request): void;
};

/** Answers with the matched route or, when `found` is null, with the 404 page. Never rejects. */
export async function dispatch(
  dispatcher: Dispatcher,
  request: Request,
  info: Deno.ServeHandlerInfo,
  url: URL,
  found: RouteMatch | null,
): Promise<Response> {
  const { routes, config, renderDocument } = dispatcher;
  const ctx = new Context<unknown>({
    req: request,
    url,
    info,
    route: found?.route.pattern ?? null,
    params: found?.params ?? {},
    config,
    renderDocument,
  });
  setWrapping(ctx, { app: routes.app?.component ?? null, layouts: [] });

  const walk: Walk = { dispatcher, ctx, failed: new Set(), told: new Set() };
  let response: Response;
  try {
    response = found === null
      ? await enter(walk, [routes.root], () => Promise.reject(new HttpError(404)))
      : await answer(walk, found.route);
  } catch (error) {
    tell(walk, error);
    response = plainErrorResponse(error);
  }
  if (request.method !== "HEAD" || response.body === null) return response;
  await response.body.cancel();
  return new Response(null, response);
}

type Walk = {
  dispatcher: Dispatcher;
  ctx: Context<unknown>;
  /** Error pages that were tried, so that one which fails is not asked again. */
  failed: Set<RouteModule>;
  told: Set<unknown>;
};

async function answer(walk: Walk, route: Route): Promise<Response> {
  const { ctx, dispatcher } = walk;
  const method = ctx.req.method;
  const { handler, component } = route.module;
  if (handler === null || typeof handler === "object") {
    const methods = allowedMethods(route.module);
    if (!methods.includes(method)) {
      const allow = methods.join(", ");
      // Like an unknown path: only the root folder stands around a method that does not exist.
      const response = await enter(walk, [dispatcher.routes.root], () => {
        if (method !== "OPTIONS") return Promise.reject(new HttpError(405));
        return Promise.resolve(new Response(null, { status: 204 }));
      });
      response.headers.set("allow", allow);
      return response;
    }
  }
  return enter(walk, route.folders, async () => {
    const run = handlerFor(route.module, method);
    const result = run === null ? { data: {} } : await run(ctx);
    if (result instanceof Response) return result;
    if (component === null) {
      throw new Error(`Cannot render ${route.module.file}: it returned data but exports no page`);
    }
    return renderModule(walk, route.module, result, 200);
  });
}

/** Runs the folders' middleware, outermost first, then `last`; each folder's error page stands around its own. */
function enter(walk: Walk, folders: Folder[], last: () => Promise<Response>): Promise<Response> {
  const [folder, ...inner] = folders;
  if (folder === undefined) return last();
  const { ctx } = walk;
  const around = wrappingOf(ctx);
  setWrapping(ctx, wrappedBy(around, folder));

  const inside = wrappingOf(ctx);
  const run = chain(ctx, folder.middlewares, () => {
    setWrapping(ctx, inside);
    return enter(walk, inner, last);
  });
  return run.catch((error) => {
    setWrapping(ctx, inside);
    return renderError(walk, folder, error);
  });
}

function chain(
  ctx: Context<unknown>,
  middlewares: Middleware<unknown>[],
  last: () => Promise<Response>,
): Promise<Response> {
  const step = async (i: number): Promise<Response> => {
    const middleware = middlewares[i];
    if (middleware === undefined) return await last();
    ctx.next = () => step(i + 1);
    const response = await middleware(ctx);
    if (response instanceof Response) return response;
    throw new Error("A middleware returned no Response: return ctx.next()");
  };
  return step(0);
}

function wrappedBy(around: Wrapping, { layout }: Folder): Wrapping {
  if (layout === null || layout.component === null) return around;
  return {
    app: layout.config.skipAppWrapper ? null : around.app,
    layouts: [...layout.config.skipInheritedLayouts ? [] : around.layouts, layout.component],
  };
}

/** Renders `_404` for a 404, else the folder's `_error`; rethrows when neither is there or was tried. */
async function renderError(walk: Walk, folder: Folder, error: unknown): Promise<Response> {
  const { ctx, dispatcher: { routes } } = walk;
  tell(walk, error);
  ctx.error = error;
  const status = statusOf(error);
  const candidates = [status === 404 ? routes.notFound : null, folder.error];
  const module = candidates.find((page) => page !== null && !walk.failed.has(page)) ?? null;
  if (module === null) throw error;
  walk.failed.add(module);
  const run = handlerFor(module, ctx.req.method) ?? handlerFor(module, "GET");
  const result = run === null ? { data: {} } : await run(ctx);
  if (result instanceof Response) return result;
  const response = await renderModule(walk, module, result, status);
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
  return response;
}

async function renderModule(
  walk: Walk,
  module: RouteModule,
  result: PageResponse<unknown>,
  status: number,
): Promise<Response> {
  const { ctx } = walk;
  if (module.component === null) {
    throw new Error(`Cannot render ${module.file}: it exports no page`);
  }
  ctx.data = result.data;
  const vnode = await renderComponent(ctx, module.component, result.data, () => null);
  if (vnode instanceof Response) return vnode;
  return ctx.render(
    vnode,
    { headers: result.headers ?? {}, status: result.status ?? status },
    module.config,
  );
}

function handlerFor(module: RouteModule, method: string): HandlerFn<unknown, unknown> | null {
  const { handler } = module;
  if (typeof handler === "function") return handler;
  const named = handler?.[method as Method];
  return named ?? (method === "HEAD" ? handler?.GET : undefined) ?? null;
}

function allowedMethods({ handler, component }: RouteModule): string[] {
  const methods = new Set(Object.keys(handler ?? {}));
  if (component !== null) methods.add("GET");
  if (methods.has("GET")) methods.add("HEAD");
  return [...methods].sort();
}

function tell({ dispatcher, ctx, told }: Walk, error: unknown): void {
  if (told.has(error) || statusOf(error) < 500) return;
  told.add(error);
  dispatcher.onError(error, ctx.req);
}
