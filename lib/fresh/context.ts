/** `ctx`: what handlers, middleware and pages are given, with the members of Fresh 2's context. */
import type { ComponentChildren, ComponentType, FunctionComponent, VNode } from "preact";
import { Fragment, h, isValidElement } from "preact";
import type { RouteComponent } from "./define.ts";

/** The query parameter that asks a page for its partials only. */
export const PARTIAL_PARAM = "fresh-partial";

export type ResolvedFreshConfig = {
  root: string;
  basePath: string;
  mode: "development" | "production";
};

export type LayoutConfig = {
  /** Drops the layouts of the folders above. */
  skipInheritedLayouts?: boolean;
  /** Drops `routes/_app`. */
  skipAppWrapper?: boolean;
};

export type RouteConfig = LayoutConfig & {
  /** A URL pattern that replaces the one made from the file's path. */
  routeOverride?: string;
};

/** What pages, layouts and the app are called with. */
export type PageProps<Data = unknown, State = unknown> =
  & Pick<
    Context<State>,
    | "config"
    | "url"
    | "req"
    | "params"
    | "info"
    | "state"
    | "isPartial"
    | "Component"
    | "error"
    | "route"
  >
  & { data: Data };

/** The components around a page, outermost first. */
export type Wrapping = {
  app: RouteComponent<unknown, unknown> | null;
  layouts: RouteComponent<unknown, unknown>[];
};

/** Turns the finished tree into a document; given by the app so that this file knows no renderer. */
export type RenderDocument = (
  content: VNode | null,
  app: ((content: VNode | null) => VNode) | null,
  ctx: Context<unknown>,
) => string;

type Init = {
  req: Request;
  url: URL;
  info: Deno.ServeHandlerInfo;
  route: string | null;
  params: Record<string, string>;
  config: ResolvedFreshConfig;
  renderDocument: RenderDocument;
};

/** Read and replaced by the dispatcher while it walks down the folders; routes never see it. */
export let wrappingOf: (ctx: Context<unknown>) => Wrapping;
export let setWrapping: (ctx: Context<unknown>, wrapping: Wrapping) => void;

/** One request's context; every middleware and handler of that request shares it. */
export class Context<State> {
  readonly req: Request;
  /** Parsed once; repeated slashes in the path are collapsed. */
  readonly url: URL;
  readonly info: Deno.ServeHandlerInfo;
  /** The matched pattern, such as `/models/:id`, or null when no route matched. */
  readonly route: string | null;
  /** Decoded by `decodeURI`, as Fresh does: `%2F` stays. A missing optional parameter is "". */
  readonly params: Record<string, string>;
  readonly config: ResolvedFreshConfig;
  readonly isPartial: boolean;
  // One object per request, filled by middleware: its type is the promise that they make.
  readonly state: State = {} as State;
  data: unknown = undefined;
  error: unknown = null;
  next: () => Promise<Response>;
  Component: FunctionComponent = () => null;

  #wrapping: Wrapping = { app: null, layouts: [] };
  #renderDocument: RenderDocument;

  static {
    wrappingOf = (ctx) => ctx.#wrapping;
    setWrapping = (ctx, wrapping) => ctx.#wrapping = wrapping;
  }

  constructor(init: Init) {
    this.req = init.req;
    this.url = init.url;
    this.info = init.info;
    this.route = init.route;
    this.params = init.params;
    this.config = init.config;
    this.isPartial = init.url.searchParams.has(PARTIAL_PARAM);
    this.next = () => Promise.reject(new Error("ctx.next() has nothing after it"));
    this.#renderDocument = init.renderDocument;
  }

  /** Redirects. A path is kept on this site: `//evil.example` becomes `/evil.example`. */
  redirect(pathOrUrl: string, status = 302): Response {
    let location = pathOrUrl;
    // A browser reads a backslash as a slash, so `/\evil.example` would leave the site too.
    if (/^[/\\]/.test(location)) {
      const [path, rest] = cutAt(location, /[?#]/);
      location = path.replace(/[/\\]+/g, "/") + rest;
    }
    if (this.isPartial) {
      const [base, hash] = cutAt(location, /#/);
      location = `${base}${base.includes("?") ? "&" : "?"}${PARTIAL_PARAM}=true${hash}`;
    }
    return new Response(null, { status, headers: { location } });
  }

  /** Renders JSX inside the layouts and the app that apply to this route. */
  async render(
    vnode: VNode | null,
    init: ResponseInit = {},
    config: LayoutConfig = {},
  ): Promise<Response> {
    if (vnode !== null && !isValidElement(vnode)) {
      throw new Error("Cannot render a value that is not JSX: pass an element to ctx.render()");
    }
    const { app, layouts } = this.#wrapping;
    let content: VNode | null = vnode;
    for (const layout of config.skipInheritedLayouts ? [] : layouts.toReversed()) {
      const inner = content;
      const result = await renderComponent(this, layout, undefined, () => inner);
      if (result instanceof Response) return result;
      content = result;
    }

    const wrapper = config.skipAppWrapper ? null : app;
    let around: ((content: VNode | null) => VNode) | null = null;
    if (wrapper !== null) {
      // The app is called before the content is rendered, but its <Component> is drawn after it.
      let inner: VNode | null = null;
      const outer = await renderComponent(this, wrapper, undefined, () => inner);
      if (outer instanceof Response) return outer;
      around = (rendered) => (inner = rendered, outer);
    }

    const headers = new Headers(init.headers);
    headers.set("content-type", "text/html; charset=utf-8");
    const html = this.#renderDocument(content, around, this);
    return new Response(html, { ...init, status: init.status ?? 200, headers });
  }

  text(content: string, init?: ResponseInit): Response {
    return new Response(content, init);
  }

  html(content: string, init?: ResponseInit): Response {
    const headers = new Headers(init?.headers);
    headers.set("content-type", "text/html; charset=utf-8");
    return new Response(content, { ...init, headers });
  }

  json(content: unknown, init?: ResponseInit): Response {
    return Response.json(content, init);
  }

  /** Streams text or bytes from an iterable, or from a function that returns one. */
  stream<Chunk extends string | Uint8Array>(
    source: Chunks<Chunk> | (() => Chunks<Chunk>),
    init?: ResponseInit,
  ): Response {
    const chunks = typeof source === "function" ? source() : source;
    const encoder = new TextEncoder();
    async function* encoded() {
      for await (const chunk of chunks) {
        yield typeof chunk === "string" ? encoder.encode(chunk) : new Uint8Array(chunk);
      }
    }
    return new Response(ReadableStream.from(encoded()), init);
  }
}

type Chunks<Chunk> = Iterable<Chunk> | AsyncIterable<Chunk>;

/** Calls an async component, or makes an element of a plain one so that hooks work in it. */
export async function renderComponent<Data>(
  ctx: Context<unknown>,
  component: RouteComponent<Data, unknown>,
  data: Data,
  Component: FunctionComponent,
): Promise<VNode | Response> {
  const props: PageProps<Data> = {
    config: ctx.config,
    url: ctx.url,
    req: ctx.req,
    params: ctx.params,
    info: ctx.info,
    state: ctx.state,
    isPartial: ctx.isPartial,
    error: ctx.error,
    route: ctx.route,
    data,
    Component,
  };
  // Preact's element type is invariant in its props; what is returned here is only ever rendered.
  if (!isAsync(component)) return h(component as ComponentType<PageProps<Data>>, props) as VNode;
  const result = await component(props);
  return result instanceof Response ? result : h(Fragment, null, result);
}

function isAsync<Data>(
  component: RouteComponent<Data, unknown>,
): component is (props: PageProps<Data>) => Promise<ComponentChildren | Response> {
  return component.constructor.name === "AsyncFunction";
}

function cutAt(text: string, mark: RegExp): [string, string] {
  const at = text.search(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}
