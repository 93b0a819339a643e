/** Once a minute across replicas: the first to write down the minute runs the body. */
import type { Sql } from "./database.ts";

/**
 * Runs `body` with the minute when no replica has run `name` in this minute, and says whether it did. The minute is the database's,
 * rounded to the nearest, so that replicas whose clocks tick a little early or late agree. A body that fails is
 * not run again before its next minute. Throws what the body or the database throws.
 */
export async function runOncePerMinute(
  sql: Sql,
  name: string,
  replicaId: string,
  body: (minute: Date) => Promise<void>,
): Promise<boolean> {
  const [won] = await sql<{ minute: Date }[]>`
    insert into cron_runs (name, minute, replica_id)
    values (${name}, date_trunc('minute', now() + interval '30 seconds'), ${replicaId})
    on conflict do nothing
    returning minute`;
  if (won === undefined) return false;
  // Rows serve for a minute; a day of them is kept for whoever asks which replica ran what.
  await sql`delete from cron_runs where name = ${name} and minute < now() - interval '1 day'`;
  await body(won.minute);
  return true;
}
