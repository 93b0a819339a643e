/** Development only: watches the project, rebuilds what the browser fetches, and tells open pages to reload. */
import { relative, resolve } from "node:path";

const SCRIPT_PATH = "/_fresh_dev/reload.js";
const STREAM_PATH = "/_fresh_dev/events";
/** Changes when the server restarts; pages carry the one that rendered them. */
const SERVER_ID = String(performance.timeOrigin);
/** The script for every page. */
export const RELOAD_SCRIPT_URL = `${SCRIPT_PATH}?${SERVER_ID}`;

/** A save is several file events; they are taken as one. */
const SETTLE_MS = 40;
/** How long code that changed may take to restart the server (`--watch`), which then reloads the pages itself. */
const RESTART_MS_MAX = 400;
/** Folders that hold code, and folders that no restart follows from. */
const CODE = ["routes", "islands", "lib"];
const DATA = ["static", "content"];

/** A page of another server process is old, whenever it comes to know of it. */
const RELOAD_SCRIPT = `const mine = new URL(import.meta.url).search.slice(1);
const events = new EventSource("${STREAM_PATH}");
events.onmessage = ({ data }) => { if (data !== mine) location.reload(); };
addEventListener("pagehide", () => events.close());`;

type Timer = ReturnType<typeof setTimeout>;

export type DevReload = {
  /** Answers the script and the event stream, else returns null. */
  serve(pathname: string): Response | null;
  close(): void;
};

/**
 * Calls `rebuild` after a change settled, then reloads pages. A failed rebuild is logged and leaves the last one.
 * It listens to no signal: a listener would keep SIGTERM from ending the program and delay every restart.
 */
export function startDevReload(root: string, rebuild: () => Promise<void>): DevReload {
  const pages = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const reload = () => {
    for (const page of pages) page.enqueue(event("reload"));
  };

  const watched = [...CODE, ...DATA].map((dir) => resolve(root, dir)).filter(exists);
  const watcher = watched.length === 0 ? null : Deno.watchFs(watched);
  const timers: { rebuild?: Timer; reload?: Timer } = {};
  let queue = Promise.resolve();
  let isCode = false;
  const settled = () => {
    const waitMs = isCode ? RESTART_MS_MAX : 0;
    isCode = false;
    queue = queue.then(rebuild).then(() => {
      clearTimeout(timers.reload);
      timers.reload = setTimeout(reload, waitMs);
    }, (error) => console.error(error));
  };
  const watch = async () => {
    for await (const { kind, paths } of watcher ?? []) {
      if (kind === "access" || kind === "any") continue;
      isCode ||= paths.some((path) => CODE.includes(relative(root, path).split("/")[0] ?? ""));
      clearTimeout(timers.rebuild);
      timers.rebuild = setTimeout(settled, SETTLE_MS);
    }
  };
  watch().catch((error) => console.error(error));

  // With --watch-hmr a module may change without a restart; pages must ask again.
  addEventListener("hmr", reload);

  return {
    serve(pathname) {
      const headers = { "cache-control": "no-store" };
      if (pathname === SCRIPT_PATH) {
        return new Response(RELOAD_SCRIPT, {
          headers: { ...headers, "content-type": "text/javascript; charset=utf-8" },
        });
      }
      if (pathname !== STREAM_PATH) return null;
      return new Response(stream(pages), {
        headers: { ...headers, "content-type": "text/event-stream" },
      });
    },
    close() {
      clearTimeout(timers.rebuild);
      clearTimeout(timers.reload);
      removeEventListener("hmr", reload);
      watcher?.close();
      for (const page of pages) page.close();
      pages.clear();
    },
  };
}

function stream(pages: Set<ReadableStreamDefaultController<Uint8Array>>) {
  let mine: ReadableStreamDefaultController<Uint8Array>;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      mine = controller;
      pages.add(mine);
      mine.enqueue(new TextEncoder().encode("retry: 50\n"));
      mine.enqueue(event(SERVER_ID));
    },
    cancel() {
      pages.delete(mine);
    },
  });
}

function event(data: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`data: ${data}\n\n`);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
