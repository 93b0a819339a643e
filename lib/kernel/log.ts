/** One JSON line per event, batched so that a busy gateway does not pay a write each. */

export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a line may carry. Never prompts, completions or keys: pass ids, counts and durations. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | null | undefined | Error>
>;

export type Log = {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log whose every line also carries `fields`. */
  with(fields: LogFields): Log;
};

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const FLUSH_MS = 20;
const HELD_LINES_MAX = 200;

/** Writes lines of at least `level` through `write`, which receives whole lines ending in a newline. */
export function createLog(
  { level, write, now }: { level: LogLevel; write: (lines: string) => void; now: () => number },
): Log & { flush(): void } {
  let held: string[] = [];
  let timer: ReturnType<typeof setTimeout> | null = null;

  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (held.length === 0) return;
    const lines = held.join("");
    held = [];
    write(lines);
  }

  function line(lineLevel: LogLevel, bound: LogFields, event: string, fields: LogFields): void {
    if (LEVELS.indexOf(lineLevel) < LEVELS.indexOf(level)) return;
    const at = new Date(now()).toISOString();
    held.push(JSON.stringify({ at, level: lineLevel, event, ...bound, ...fields }, plain) + "\n");
    // A warning may be the last thing we say; it does not wait.
    if (held.length >= HELD_LINES_MAX || LEVELS.indexOf(lineLevel) >= 2) flush();
    else timer ??= setTimeout(flush, FLUSH_MS);
  }

  const bind = (bound: LogFields): Log => ({
    debug: (event, fields = {}) => line("debug", bound, event, fields),
    info: (event, fields = {}) => line("info", bound, event, fields),
    warn: (event, fields = {}) => line("warn", bound, event, fields),
    error: (event, fields = {}) => line("error", bound, event, fields),
    with: (fields) => bind({ ...bound, ...fields }),
  });
  return { ...bind({}), flush };
}

/** A log that says nothing, for tests. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLog,
};

function plain(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const cause = value.cause instanceof Error ? { cause: value.cause.message } : {};
  // A SQLSTATE, or a system's code such as ECONNREFUSED.
  const code = "code" in value && typeof value.code === "string" ? { code: value.code } : {};
  return { name: value.name, message: value.message, ...code, stack: value.stack, ...cause };
}
