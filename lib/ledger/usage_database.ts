/** The connections of a replica's usage rows, its own, so that no page's question holds a request up. */
import { systemClock } from "@/lib/kernel/clock.ts";
import { type DatabaseTarget, openDatabase, type Sql } from "@/lib/kernel/database.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { UnspokenError } from "@/lib/kernel/pg_error.ts";
import { PgLines } from "@/lib/kernel/pg_lines.ts";
import { lineTargetOf } from "@/lib/kernel/pg_target.ts";
import type { Sockets } from "@/lib/kernel/sockets/wire.ts";
import { USAGE_STATEMENT, type UsageWriter, writeRows, writeRowsOver } from "./usage_write.ts";

export type UsageDatabase = {
  /** For all but opens and closes. */
  readonly sql: Sql;
  /** For opens and closes. */
  readonly write: UsageWriter;
  end(): Promise<void>;
};

export type UsageDatabaseOptions = {
  readonly applicationName: string;
  readonly log: Log;
  /** The way of opens and closes to the server. */
  readonly sockets: Pick<Sockets, "connect">;
};

/** Two writes that requests wait for, or one and one that none does. */
const LINES_MAX = 2;
/** As many when postgres.js carries those too, and a checkpoint or what moves a row. */
const CONNECTIONS_MAX = 3;
const END_S_MAX = 5;

/** Connects at the first statement. Says in the log, once, when opens and closes go through postgres.js, and why. */
export function openUsageDatabase(
  target: DatabaseTarget,
  { applicationName, log, sockets }: UsageDatabaseOptions,
): UsageDatabase {
  const options = { applicationName, maxConnections: CONNECTIONS_MAX, byKey: true };
  const sql = openDatabase(target, options);
  const through = { sql, write: (writes) => writeRows(sql, writes) } satisfies Partial<
    UsageDatabase
  >;
  const leave = (because: string) => log.info("usage_rows_through_postgres_js", { because });
  const way = lineTargetOf(sql);
  if (way.kind === "theirs") {
    leave(way.because);
    return { ...through, end: () => sql.end({ timeout: END_S_MAX }) };
  }
  const { address, login } = way;
  // Its waits are for a server, whatever time a simulation has.
  const lines = new PgLines({
    ...{ connect: sockets.connect, clock: systemClock, linesMax: LINES_MAX },
    ...{ address, login, statement: USAGE_STATEMENT },
  });
  let isOurs = true;
  const write: UsageWriter = async (writes) => {
    if (!isOurs) return await through.write(writes);
    try {
      return await writeRowsOver(lines, writes);
    } catch (error) {
      // Said while a line is opened, before anything was written.
      if (!(error instanceof UnspokenError)) throw error;
      if (isOurs) leave(error.message);
      isOurs = false;
      return await through.write(writes);
    }
  };
  return {
    ...{ sql, write },
    async end() {
      await Promise.all([lines.end(END_S_MAX * 1_000), sql.end({ timeout: END_S_MAX })]);
    },
  };
}
