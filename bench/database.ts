/** A running gateway's embedded database, for what a benchmark has to count. */
import { type DatabaseTarget, openDatabase, type Sql } from "@/lib/kernel/database.ts";
import { startEmbedded } from "@/lib/kernel/embedded_postgres.ts";

/** Shares the server of `dataDir` until disposed; the gateway keeps it. */
export async function databaseOf(
  dataDir: string,
): Promise<{ sql: Sql; target: DatabaseTarget } & AsyncDisposable> {
  const server = await startEmbedded(dataDir);
  const sql = openDatabase(server.target, { applicationName: "bench", maxConnections: 4 });
  return {
    sql,
    target: server.target,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 });
      await server.stop();
    },
  };
}
