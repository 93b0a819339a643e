/** What a route file's `handler` export may be, and what it may return. */
import type { Context } from "./context.ts";

export type Method = "HEAD" | "GET" | "POST" | "PATCH" | "PUT" | "DELETE" | "OPTIONS";

/** Data for the page component of the same route file, with headers and a status for the response. */
export type PageResponse<Data> = {
  data: Data;
  headers?: HeadersInit | undefined;
  status?: number | undefined;
};

/** Answers a request with a response, or with data for the page component. */
export type HandlerFn<Data, State> = (
  ctx: Context<State>,
) => Response | PageResponse<Data> | Promise<Response | PageResponse<Data>>;

/** One function per method. A missing HEAD is answered by GET without its body; any other missing method by 405. */
export type HandlerByMethod<Data, State> = { [M in Method]?: HandlerFn<Data, State> };

export type RouteHandler<Data, State> = HandlerFn<Data, State> | HandlerByMethod<Data, State>;

/** The type of the data that a handler hands to its page. */
export type RouteData<Handler> = Handler extends RouteHandler<infer Data, never> ? Data : never;

/** Renders the route's page with `data`. */
export function page(): PageResponse<undefined>;
export function page<Data>(
  data: Data,
  options?: { headers?: HeadersInit; status?: number },
): PageResponse<Data>;
export function page<Data>(
  data?: Data,
  options: { headers?: HeadersInit; status?: number } = {},
): PageResponse<Data | undefined> {
  return { data, ...options };
}
