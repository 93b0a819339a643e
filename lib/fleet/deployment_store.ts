/** The durable id that every machine of this deployment carries as its tag. */
import type { Sql } from "@/lib/kernel/database.ts";

/** Reads the id; the migration made it once, for as long as the database lives. */
export async function readDeploymentId(sql: Sql): Promise<string> {
  const [row] = await sql<{ id: string }[]>`select id from deployment`;
  if (row === undefined) {
    throw new Error("The deployment has no id: the migrations did not run on this database");
  }
  return row.id;
}

/** When the lineup in force came into force. */
export async function lineupInForceSince(sql: Sql): Promise<Date> {
  const [row] = await sql<{ since: Date }[]>`
    select in_force_from as since from lineups order by in_force_from desc, id desc limit 1
  `;
  return row?.since ?? new Date(0);
}
