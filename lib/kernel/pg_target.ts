/** Whether a line of our own reaches the database that postgres.js was pointed at, and how. */
import { z } from "zod";
import type { Sql } from "./database.ts";
import type { WireTarget } from "./sockets/wire.ts";
import type { PgLogin } from "./pg_line.ts";

/** Silence of this length is asked about by the system. */
const KEEP_ALIVE_MS = 60_000;

export type LineTarget =
  | { readonly kind: "ours"; readonly address: WireTarget; readonly login: PgLogin }
  | { readonly kind: "theirs"; readonly because: string };

/** What postgres.js made of the URL and its environment; it says more to nobody. */
const OPTIONS = z.object({
  host: z.array(z.string()),
  port: z.array(z.number()),
  path: z.union([z.string(), z.literal(false)]).optional(),
  database: z.string().min(1),
  user: z.string().min(1),
  pass: z.string(),
  ssl: z.unknown(),
  sslnegotiation: z.unknown(),
  target_session_attrs: z.unknown(),
  socket: z.unknown(),
  connection: z.record(z.string(), z.union([z.string(), z.number()])),
});

/**
 * The one place that decides: the server that `sql` connects to, as a line of ours would, or why that is left to
 * postgres.js. TLS, several hosts and a choice among them are.
 */
export function lineTargetOf(sql: Pick<Sql, "options">): LineTarget {
  const theirs = (because: string): LineTarget => ({ kind: "theirs", because });
  const read = OPTIONS.safeParse(sql.options);
  if (!read.success) return theirs(`its options are unusual: ${z.prettifyError(read.error)}`);
  const { host, port, path, database, user, pass, connection, ...rest } = read.data;
  if (rest.ssl || rest.sslnegotiation) return theirs("it is reached over TLS");
  if (rest.target_session_attrs) return theirs("it is one of several servers");
  if (rest.socket) return theirs("it is reached through a socket of its own kind");
  const settings = Object.fromEntries(
    Object.entries(connection).map(([name, value]) => [name, String(value)]),
  );
  const login = { user, password: pass, database, settings };
  if (typeof path === "string" && path !== "") {
    return { kind: "ours", address: { path }, login };
  }
  const [hostname, ...others] = host;
  const [number] = port;
  if (hostname === undefined || number === undefined) return theirs("it has no address");
  if (others.length > 0) return theirs("it has several hosts");
  return { kind: "ours", address: { hostname, port: number, keepAliveMs: KEEP_ALIVE_MS }, login };
}
