/** Link previews: drawn one at a time in a worker when first asked for, kept, and the worker let go when it is quiet. */
import { type Clock, millis } from "@/lib/kernel/clock.ts";
import type { OgDone, OgJob } from "./og_worker.ts";

/** About 100 KB each. The least recently asked for goes first. */
export const OG_IMAGES_MAX = 120;
/** Waiting to be drawn; only known pages get this far, so it is a bound on their number and no more. */
export const OG_WAITING_MAX = 500;
/** The first one also compiles the renderer. */
const DRAW_LIMIT = millis(20_000);
const WORKER_IDLE = millis(30_000);

type Png = Uint8Array<ArrayBuffer>;

export type OgImages = {
  /** The PNG of a page's card; null when too many wait. Rejects when it could not be drawn. */
  png(path: string, svg: () => string): Promise<Png | null>;
  close(): void;
};

export type OgImagesDeps = {
  readonly clock: Clock;
  /** Replaced in tests. */
  readonly startWorker?: () => Pick<Worker, "postMessage" | "terminate"> & {
    onmessage: ((event: MessageEvent<OgDone>) => void) | null;
    onerror: ((event: ErrorEvent) => void) | null;
  };
};

type RunningWorker = ReturnType<NonNullable<OgImagesDeps["startWorker"]>>;

/** Nothing is started until the first picture is asked for. */
export function createOgImages({ clock, startWorker = start }: OgImagesDeps): OgImages {
  const kept = new Map<string, Png>();
  const waiting = new Map<string, Promise<Png>>();
  const closed = new AbortController();
  let worker: RunningWorker | null = null;
  let jobs = 0;
  let idle = new AbortController();
  let turn: Promise<unknown> = Promise.resolve();

  function dismiss(): void {
    idle.abort();
    worker?.terminate();
    worker = null;
  }

  async function dismissWhenIdle(): Promise<void> {
    idle.abort();
    const mine = idle = new AbortController();
    await clock.sleep(WORKER_IDLE, mine.signal);
    if (!mine.signal.aborted && waiting.size === 0) dismiss();
  }

  async function draw(path: string, svg: string): Promise<Png> {
    closed.signal.throwIfAborted();
    idle.abort();
    const running = worker ??= startWorker();
    const id = ++jobs;
    const over = new AbortController();
    const done = new Promise<OgDone>((resolve) => {
      running.onmessage = ({ data }) => data.id === id && resolve(data);
      running.onerror = (event) => {
        event.preventDefault();
        resolve({ id, failed: event.message });
      };
      running.postMessage({ id, svg } satisfies OgJob);
    });
    const late = clock.sleep(DRAW_LIMIT, AbortSignal.any([over.signal, closed.signal]))
      .then((): OgDone => ({ id, failed: "it took too long" }));
    const result = await Promise.race([done, late]);
    over.abort();
    if ("png" in result) return result.png;
    dismiss(); // whatever state it is in, the next one starts afresh
    throw new Error(`Cannot draw the preview of ${path}: ${result.failed}`);
  }

  function keep(path: string, png: Png): void {
    kept.set(path, png);
    const oldest = kept.size > OG_IMAGES_MAX ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
  }

  return {
    png(path, svg) {
      const known = kept.get(path);
      if (known !== undefined) {
        kept.delete(path);
        kept.set(path, known);
        return Promise.resolve(known);
      }
      const same = waiting.get(path);
      if (same !== undefined) return same;
      if (waiting.size >= OG_WAITING_MAX) return Promise.resolve(null);
      const drawn = turn.then(() => draw(path, svg())).then((png) => {
        keep(path, png);
        return png;
      }).finally(() => {
        waiting.delete(path);
        if (waiting.size === 0) void dismissWhenIdle();
      });
      waiting.set(path, drawn);
      turn = drawn.catch(() => {});
      return drawn;
    },
    close() {
      closed.abort();
      dismiss();
    },
  };
}

function start(): RunningWorker {
  return new Worker(new URL("./og_worker.ts", import.meta.url), { type: "module", name: "og" });
}
