/** Reads `routes/` into routes, each with the folders (middleware, layout, error page) around it. */
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import type { RouteConfig } from "./context.ts";
import type { Middleware, RouteComponent } from "./define.ts";
import { compareShapes, decodedParams, type RoutePattern, routePattern } from "./route_pattern.ts";
import type { RouteHandler } from "./handlers.ts";

/** A route file, checked. */
export type RouteModule = {
  file: string;
  component: RouteComponent<unknown, unknown> | null;
  handler: RouteHandler<unknown, unknown> | null;
  middlewares: Middleware<unknown>[];
  config: RouteConfig;
};

/** What the special files of one folder add to everything below it. */
export type Folder = {
  middlewares: Middleware<unknown>[];
  layout: RouteModule | null;
  error: RouteModule | null;
};

export type Route = RoutePattern & { module: RouteModule; folders: Folder[] };

export type Routes = {
  /** The outermost folder, which also stands around requests that no route matches. */
  root: Folder;
  app: RouteModule | null;
  notFound: RouteModule | null;
  statics: Map<string, Route>;
  /** Most specific first. */
  dynamics: Route[];
};

/** Imports every file under `routes/`. `outer` runs before the middleware of the routes' own root folder. */
export async function loadRoutes(root: string, outer: Middleware<unknown>[]): Promise<Routes> {
  const modules = new Map<string, RouteModule>();
  for (const file of await listRouteFiles(resolve(root, "routes"))) {
    const module = await import(pathToFileURL(resolve(root, "routes", file)).href);
    modules.set(file.replace(/\.[jt]sx?$/, ""), checkedModule(`routes/${file}`, module));
  }
  return arrangeRoutes(modules, outer);
}

/** Route files relative to `dir`, sorted. Folders named `(_…)`, tests and dot files are left out. */
export async function listRouteFiles(dir: string, below = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of readDirOrNothing(resolve(dir, below))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.name.startsWith(".") || entry.name.startsWith("(_")) continue;
    if (entry.isDirectory) files.push(...await listRouteFiles(dir, path));
    else if (/\.[jt]sx?$/.test(path) && !/[._]test\.[jt]sx?$/.test(path)) files.push(path);
  }
  return files.sort();
}

/** Like `Deno.readDir`, but a folder that does not exist is empty. */
export async function* readDirOrNothing(dir: string): AsyncGenerator<Deno.DirEntry> {
  try {
    yield* Deno.readDir(dir);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

export type RouteMatch = { route: Route; params: Record<string, string> };

/** Finds the route of a path and its params. */
export function matchRoute(routes: Routes, pathname: string): RouteMatch | null {
  const route = routes.statics.get(pathname);
  if (route !== undefined) return { route, params: {} };
  for (const candidate of routes.dynamics) {
    const params = candidate.match(pathname);
    if (params !== null) return { route: candidate, params };
  }
  return null;
}

function arrangeRoutes(modules: Map<string, RouteModule>, outer: Middleware<unknown>[]): Routes {
  const folderOf = (dir: string): Folder => {
    const at = (name: string) => modules.get(dir === "" ? name : `${dir}/${name}`) ?? null;
    const own = at("_middleware")?.middlewares ?? [];
    return {
      middlewares: dir === "" ? [...outer, ...own] : own,
      layout: at("_layout"),
      error: at("_error") ?? at("_500"),
    };
  };
  const folders = new Map<string, Folder>();
  const folderAt = (dir: string): Folder => {
    const folder = folders.get(dir) ?? folderOf(dir);
    folders.set(dir, folder);
    return folder;
  };

  const routes: Route[] = [];
  for (const [path, module] of modules) {
    const names = path.split("/");
    if (/^_(app|layout|middleware|404|error|500)$/.test(names.at(-1) ?? "")) continue;
    const around = names.map((_, i) => folderAt(names.slice(0, i).join("/")));
    routes.push({ ...patternOf(path, module), module, folders: around });
  }
  routes.sort((a, b) => compareShapes(a.shape, b.shape));
  refuseTwins(routes);
  return {
    root: folderAt(""),
    app: modules.get("_app") ?? null,
    notFound: modules.get("_404") ?? null,
    statics: new Map(routes.filter((route) => route.isStatic).map((r) => [r.pattern, r])),
    dynamics: routes.filter((route) => !route.isStatic),
  };
}

function patternOf(path: string, module: RouteModule): RoutePattern {
  const override = module.config.routeOverride;
  if (override === undefined) return routePattern(path);
  const expression = new URLPattern({ pathname: override });
  return {
    ...routePattern(path),
    pattern: override,
    isStatic: false,
    match(pathname) {
      const groups = expression.exec({ pathname })?.pathname.groups;
      return groups === undefined ? null : decodedParams(Object.entries(groups));
    },
  };
}

function refuseTwins(routes: Route[]): void {
  const seen = new Map<string, string>();
  for (const { shape, pattern, module } of routes) {
    const key = module.config.routeOverride ?? shape;
    const twin = seen.get(key);
    if (twin !== undefined) {
      throw new Error(`Cannot route "${pattern}" to both ${twin} and ${module.file}: remove one`);
    }
    seen.set(key, module.file);
  }
}

function checkedModule(file: string, module: Record<string, unknown>): RouteModule {
  const handler = module.handlers ?? module.handler ?? null;
  const component = module.default ?? null;
  const isMiddleware = /(^|\/)_middleware\.[^/]+$/.test(file);
  const middlewares = isMiddleware ? [handler ?? component].flat() : [];
  const isSound = isMiddleware
    ? middlewares.every((item) => typeof item === "function")
    : (handler !== null || component !== null) &&
      (component === null || typeof component === "function") &&
      (handler === null || typeof handler === "function" || typeof handler === "object");
  if (!isSound) {
    throw new Error(
      `Cannot use ${file}: export a default function or a \`handler\`` +
        (isMiddleware ? " that is a function or an array of functions" : ""),
    );
  }
  // The shapes were checked above as far as JavaScript can; parameter types are the compiler's matter.
  return {
    file,
    component: isMiddleware ? null : component as RouteModule["component"],
    handler: isMiddleware ? null : handler as RouteModule["handler"],
    middlewares: middlewares as Middleware<unknown>[],
    config: (module.config ?? {}) as RouteConfig,
  };
}
