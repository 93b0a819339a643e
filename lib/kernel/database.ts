/** Connections to PostgreSQL: where the server is, how values cross the wire, and what a lost connection looks like. */
import postgres from "postgres";
import type { Config } from "./config.ts";

/** Where a PostgreSQL server answers. `path` is the socket file itself. */
export type DatabaseTarget =
  | { kind: "url"; url: string }
  | { kind: "socket"; path: string; user: string; database: string };

/** A pool of connections, or one of them inside `begin`. */
export type Sql = postgres.Sql<{ bigint: number }>;

export type DatabaseOptions = {
  /** Seen in `pg_stat_activity`, so that an operator can tell who holds a lock. */
  applicationName: string;
  maxConnections?: number;
  /**
   * For statements that name the rows they want by key: each is planned once per connection, to look them up. Else the
   * planner may scan a table that it saw while it was small, or work for a batch larger than ours.
   */
  byKey?: boolean;
  /** For a program whose statements are long. */
  statementMsMax?: number;
};

export const CONNECTIONS_MAX = 10;
export const CONNECT_SECONDS_MAX = 10;
/** A statement of ours takes milliseconds; one that takes this long is stuck behind a lock. */
export const STATEMENT_MS_MAX = 30_000;
/** A transaction that waits this long for its own client holds its locks for nothing. */
export const IDLE_IN_TRANSACTION_MS_MAX = 15_000;
const READINESS_MS_MAX = 2_000;
const RECONNECT_SECONDS_MAX = 5;

const INT8_OID = 20;

/**
 * Opens a pool; it connects at the first query. int8 is read as `number` (throws outside ±2^53), numeric as
 * string, timestamptz as Date. End it with `sql.end({ timeout })`, in seconds.
 */
export function openDatabase(target: DatabaseTarget, options: DatabaseOptions): Sql {
  const settings = settingsOf(options.applicationName, options.maxConnections);
  const connection = {
    ...settings.connection,
    ...options.byKey === true ? BY_KEY : {},
    ...options.statementMsMax === undefined ? {} : { statement_timeout: options.statementMsMax },
  };
  return connect(target, { ...settings, connection });
}

/** What one connection hears. */
export type SessionHooks = {
  onnotify: (channel: string, payload: string) => void;
  onclose: () => void;
};

/** One connection that is never closed for its age, for LISTEN. `onclose` is called however it ends. */
export function openSession(
  target: DatabaseTarget,
  applicationName: string,
  hooks: SessionHooks,
): Sql {
  const settings = settingsOf(applicationName, 1);
  // `onnotify` is an option of postgres.js that its types leave out.
  return connect(target, { ...settings, ...hooks, max_lifetime: null, fetch_types: false });
}

/** Server settings of a connection that looks rows up by key (PostgreSQL manual, 19.7). */
const BY_KEY = {
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
};

type Settings = postgres.Options<{ bigint: typeof int8 }>;

function connect(target: DatabaseTarget, settings: Settings): Sql {
  if (target.kind === "url") return postgres(target.url, settings);
  const { path, user, database } = target;
  return postgres({ ...settings, path, user, database });
}

function settingsOf(applicationName: string, maxConnections = CONNECTIONS_MAX): Settings {
  return {
    max: maxConnections,
    connect_timeout: CONNECT_SECONDS_MAX,
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, RECONNECT_SECONDS_MAX),
    prepare: true,
    onnotice() {},
    types: { bigint: int8 },
    connection: {
      application_name: applicationName,
      statement_timeout: STATEMENT_MS_MAX,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
      TimeZone: "UTC",
    },
  };
}

/** The server of `DATABASE_URL`; null when the embedded one under DATA_DIR is to be started. */
export function databaseTargetOf(config: Pick<Config, "databaseUrl">): DatabaseTarget | null {
  return config.databaseUrl === null ? null : { kind: "url", url: config.databaseUrl };
}

/** The same server, another database. */
export function withDatabase(target: DatabaseTarget, database: string): DatabaseTarget {
  if (target.kind === "socket") return { ...target, database };
  const url = new URL(target.url);
  url.pathname = `/${encodeURIComponent(database)}`;
  return { kind: "url", url: url.href };
}

/** The target as a person may read it: without the password. */
export function describeTarget(target: DatabaseTarget): string {
  if (target.kind === "socket") return `${target.database} on socket ${target.path}`;
  const url = new URL(target.url);
  return `${decodeURIComponent(url.pathname.slice(1)) || "the default database"} on ${url.host}`;
}

/** Whether the database answers within `limitMs`. Never rejects. */
export async function readiness(
  sql: Sql,
  limitMs = READINESS_MS_MAX,
): Promise<{ ready: true } | { ready: false; because: string }> {
  const query = sql`select 1`;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const because = new Error(`The database did not answer within ${limitMs} ms`);
    timer = setTimeout(() => reject(because), limitMs);
  });
  try {
    await Promise.race([query, late]);
    return { ready: true };
  } catch (error) {
    query.catch(() => {}); // its late fate is of no interest
    query.cancel();
    return { ready: false, because: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** Codes of postgres.js and of sockets that mean: nobody is at the other end of the line. */
const LOST_CODES: ReadonlySet<string> = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ENOENT", // the socket file of a server that is down
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
/** SQLSTATE class 08, "shutting down", "starting up", "too many connections" (PostgreSQL manual, appendix A). */
const LOST_STATES = /^(08...|57P0[123]|53300)$/;

/**
 * Whether `error` says that the connection failed, rather than the statement. A statement that was under way
 * may or may not have been carried out; only a repeatable one may be tried again.
 */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && (LOST_CODES.has(code) || LOST_STATES.test(code));
}

/**
 * Whether two transactions stood in each other's way, so that this one was undone (class 40: a deadlock, a failed
 * serialization): it may be tried again, whatever it does.
 */
export function isConflict(error: unknown): boolean {
  return /^40(001|P01)$/.test(codeOf(error) ?? "");
}

/** Whether the server was short of something, of time too, or was told to stop (classes 53, 57, 58): later it may not be. */
export function isShortage(error: unknown): boolean {
  return /^5[378]...$/.test(codeOf(error) ?? "");
}

/** The SQLSTATE or system code an error carries; null when it carries none. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null) return null;
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : null;
}

const int8 = {
  to: INT8_OID,
  from: [INT8_OID],
  serialize: (value: number | bigint) => String(value),
  parse(text: string): number {
    const value = Number(text);
    if (Number.isSafeInteger(value)) return value;
    throw new RangeError(`Cannot hold int8 ${text} in a number: select it as numeric or text`);
  },
};
