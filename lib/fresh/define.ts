/** `createDefine`: identity functions that give handlers, pages, layouts and middleware their types. */
import type { ComponentChildren, ComponentClass } from "preact";
import type { Context, PageProps } from "./context.ts";
import type { HandlerByMethod, HandlerFn, RouteHandler } from "./handlers.ts";

/** Runs around the routes of its folder: returns `ctx.next()`, perhaps changed, or answers itself. */
export type Middleware<State> = (ctx: Context<State>) => Response | Promise<Response>;

/** A page, layout or app. An async one is called directly and may also return a response. */
export type RouteComponent<Data, State> =
  | ComponentClass<PageProps<Data, State>>
  | ((props: PageProps<Data, State>) => ComponentChildren)
  | ((props: PageProps<Data, State>) => Promise<ComponentChildren | Response>);

type DataOf<Handler, State> = Handler extends HandlerFn<infer Data, State> ? Data
  : Handler extends HandlerByMethod<infer Data, State> ? Data
  : never;

export type Define<State> = {
  handlers<Data, Handlers extends RouteHandler<Data, State> = RouteHandler<Data, State>>(
    handlers: Handlers,
  ): Handlers;
  /** `define.page<typeof handler>(…)` types `props.data` by what the handlers return. */
  page<Handler extends RouteHandler<unknown, State> = never, Data = DataOf<Handler, State>>(
    render: RouteComponent<Data, State>,
  ): RouteComponent<Data, State>;
  layout(render: RouteComponent<unknown, State>): RouteComponent<unknown, State>;
  middleware<M extends Middleware<State> | Middleware<State>[]>(middleware: M): M;
};

/** Call it once with the type of `ctx.state` and import the result in every route. */
export function createDefine<State>(): Define<State> {
  return {
    handlers: (handlers) => handlers,
    page: (render) => render,
    layout: (render) => render,
    middleware: (middleware) => middleware,
  };
}
