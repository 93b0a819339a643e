/** The port clients reach: our own front with the full server behind it, or the full server alone. */
import { type ApiDeps, handleApi } from "@/lib/gateway/api.ts";
import { openFront } from "@/lib/gateway/front/front.ts";
import type { Sockets } from "@/lib/kernel/sockets/wire.ts";
import { httpUrl, pathOf } from "./address.ts";

export type ListenOptions = {
  readonly api: ApiDeps;
  /** `raw`: the front reads plain inference requests itself. `web`: the full server reads everything. */
  readonly front: "raw" | "web";
  readonly hostname: string;
  readonly port: number;
  /** What the front is made of. */
  readonly sockets: Sockets;
  /** Other processes listen on the same port. */
  readonly sharesPort: boolean;
  /** Answers whatever is not below `/v1`. */
  readonly answer: (request: Request, path: string) => Promise<Response>;
};

export type Listening = {
  readonly url: string;
  /** Takes nothing new and lets what runs finish. */
  shutdown(): Promise<void>;
  /** Resolves when the last connection is closed. */
  readonly finished: Promise<void>;
};

/** Listens. Rejects when the address cannot be had. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { api, hostname, port, sharesPort, sockets, answer } = options;
  const full = (address: { hostname: string; port: number; reusePort: boolean }) =>
    Deno.serve({ ...address, onListen() {} }, async (request) => {
      const path = pathOf(request.url);
      if (path.startsWith("/v1/") || path === "/v1") return await handleApi(api, request, path);
      return await answer(request, path);
    });
  if (options.front === "web") {
    const server = full({ hostname, port, reusePort: sharesPort });
    return {
      url: httpUrl(hostname, server.addr.port),
      shutdown: () => server.shutdown(),
      finished: server.finished,
    };
  }
  const behind = full({ hostname: "127.0.0.1", port: 0, reusePort: false });
  const front = await openFront({
    api,
    hostname,
    port,
    sharesPort,
    sockets,
    fullPort: behind.addr.port,
  })
    .catch(async (error) => {
      await behind.shutdown();
      throw error;
    });
  const stopped = Promise.withResolvers<void>();
  let stopping: Promise<void> | null = null;
  return {
    url: httpUrl(hostname, front.port),
    shutdown() {
      stopping ??= Promise.all([front.shutdown(), behind.shutdown()]).then(() => stopped.resolve());
      return stopping;
    },
    finished: stopped.promise,
  };
}
