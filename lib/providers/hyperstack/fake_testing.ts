/** A small Hyperstack for tests: answers in the documented shapes, keeps what it was asked, and fails on demand. */
import { AppError } from "@/lib/kernel/errors.ts";

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Headers;
  readonly body: unknown;
};

export type FakeVm = {
  id: number;
  name: string;
  status: string;
  floating_ip: string | null;
  created_at: string;
};

/** What the next call of a path that matches is answered instead; `lost`: carried out, and the connection cut. */
export type Fault =
  | { readonly on: RegExp; readonly status: number; readonly body: unknown }
  | { readonly on: RegExp; readonly lost: true }
  | { readonly on: RegExp; readonly raw: string };

export type FakeHyperstack = AsyncDisposable & {
  readonly url: string;
  readonly asked: Asked[];
  readonly vms: Map<number, FakeVm>;
  readonly faults: Fault[];
  /** Ends what is under way: CREATING → ACTIVE, HIBERNATING → HIBERNATED, … */
  settle(): void;
  usage: unknown[];
};

export const API_KEY = "hs-secret-key-0123456789";

export function fakeHyperstack(): FakeHyperstack {
  const asked: Asked[] = [];
  const vms = new Map<number, FakeVm>();
  const faults: Fault[] = [];
  let nextId = 1_001;
  let nextIp = 10;
  const state = { usage: [] as unknown[] };

  function act(
    method: string,
    path: string,
    query: Record<string, string>,
    body: unknown,
  ): Response {
    const ok = (rest: Record<string, unknown> = {}) =>
      Response.json({ status: true, message: "ok", ...rest });
    const no = (status: number, message: string, reason: string) =>
      Response.json({ status: false, message, error_reason: reason }, { status });
    if (path === "/core/virtual-machines" && method === "POST") {
      const { name } = body as { name: string };
      const vm = {
        id: nextId++,
        name,
        status: "CREATING",
        floating_ip: null,
        created_at: "2026-11-21T00:00:00",
      };
      vms.set(vm.id, vm);
      return ok({ instances: [vm] });
    }
    if (path === "/core/virtual-machines") {
      const all = [...vms.values()].filter(({ name }) => name.includes(query["search"] ?? ""));
      const [page, size] = [Number(query["page"]), Number(query["pageSize"])];
      const instances = all.slice((page - 1) * size, page * size);
      return ok({ count: all.length, page, page_size: size, instances });
    }
    const wanted = /^\/core\/virtual-machines\/name-availability\/(.+)$/.exec(path)?.[1];
    if (wanted !== undefined) {
      return ok({
        available: ![...vms.values()].some(({ name }) => name === wanted),
        name: wanted,
      });
    }
    if (path === "/billing/billing/usage") return ok({ data: state.usage });
    if (path === "/billing/billing/last-day-cost") {
      return ok({ data: { total_cost: 12.345678901 } });
    }
    if (path === "/billing/user-credit/credit") {
      return ok({ data: { credit: 99.5, threshold: 0, can_create_instance: true } });
    }
    const [, id = "", action = ""] =
      /^\/core\/virtual-machines\/(\d+)(?:\/([a-z-]+))?$/.exec(path) ?? [];
    const vm = vms.get(Number(id));
    if (vm === undefined) return no(404, "Virtual machine not found", "not_found");
    if (method === "DELETE") {
      vms.delete(vm.id);
      return ok();
    }
    switch (action) {
      case "":
        return ok({ instance: vm });
      case "hibernate":
        if (vm.status !== "ACTIVE") return no(400, "VM must be ACTIVE", "bad_request");
        vm.status = "HIBERNATING";
        if (query["retain_ip"] !== "true") vm.floating_ip = null;
        return ok();
      case "hibernate-restore":
        if (vm.status !== "HIBERNATED") return no(400, "VM must be HIBERNATED", "bad_request");
        vm.status = "RESTORING";
        return ok();
      case "stop":
        vm.status = "STOPPING";
        return ok();
      case "start":
        vm.status = "STARTING";
        return ok();
      default:
        throw new AppError("internal", `unknown action ${action}`);
    }
  }

  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = listener.addr.port;
  listener.close();
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    const path = url.pathname.slice("/v1".length);
    const query = Object.fromEntries(url.searchParams);
    const text = await request.text();
    const body = text === "" ? null : JSON.parse(text);
    asked.push({ method: request.method, path, query, headers: request.headers, body });
    const at = faults.findIndex(({ on }) => on.test(`${request.method} ${path}`));
    const [fault] = at < 0 ? [] : faults.splice(at, 1);
    if (fault !== undefined && "status" in fault) {
      return Response.json(fault.body, { status: fault.status });
    }
    if (fault !== undefined && "raw" in fault) return new Response(fault.raw);
    const response = act(request.method, path, query, body);
    if (fault === undefined) return response;
    await response.body?.cancel();
    // A length that is not kept: the client sees the connection break.
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("{"));
          controller.error(new Error("lost"));
        },
      }),
    );
  });
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    vms,
    faults,
    set usage(resources: unknown[]) {
      state.usage = resources;
    },
    get usage() {
      return state.usage;
    },
    settle() {
      const ends: Record<string, string> = {
        ...{ CREATING: "ACTIVE", RESTORING: "ACTIVE", STARTING: "ACTIVE" },
        ...{ HIBERNATING: "HIBERNATED", STOPPING: "SHUTOFF" },
      };
      for (const vm of vms.values()) {
        vm.status = ends[vm.status] ?? vm.status;
        if (vm.status === "ACTIVE") vm.floating_ip ??= `127.0.9.${nextIp++}`;
      }
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
