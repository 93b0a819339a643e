/** The way to engines that the gateway takes unless told otherwise. */
import type { Upstream } from "./upstream.ts";
import { type Http1Options, openHttp1Upstream } from "./upstream_http1.ts";

/** Our own HTTP/1.1 client: the cheaper one a chunk, and the only one that can retry a stale connection safely. Measured by `bench/upstream.ts`. */
export function createHttpUpstream(options: Http1Options = {}): Upstream {
  return openHttp1Upstream(options);
}
