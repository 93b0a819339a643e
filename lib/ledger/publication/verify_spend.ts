/** The money of every minute made again from its readings, and machine time from the journal; compared row by row. */
import { type Instant, later, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { PUBLISHED_SPEND } from "./fresh_database.ts";
import type { Range } from "./inputs.ts";
import type { Manifest } from "./manifest.ts";
import { type Check, DIFFERENCES_MAX, failed, notChecked, passed } from "./check.ts";

/** Statements sent before the first answer is awaited. */
const BATCH = 500;
/** Minutes are rolled up within this of their end. */
const ROLLED_WITHIN = millis(15 * 60_000);
const SPEND_SQL = new URL("../spend_of_minute.sql", import.meta.url);
const MACHINE_TIME_SQL = new URL("../roll_machine_time.sql", import.meta.url);
const NANO_DIGITS = 9;

export async function* checkSpend(fresh: Sql, range: Range): AsyncGenerator<Check> {
  const minutes = await makeSpend(fresh, range);
  const differences = await fresh<
    { minute: string; provider: string; resource: string; said: string | null; is: string | null }[]
  >`
    select
      coalesce(said.minute, made.minute)::text as minute,
      coalesce(said.provider, made.provider) as provider,
      coalesce(said.resource_id, made.resource_id) as resource,
      said.nano_usd || ' ' || said.use || ' ' || coalesce(said.tier, '-') || ' ' || said.machine_id as said,
      made.nano_usd || ' ' || made.use || ' ' || coalesce(made.tier, '-') || ' ' || made.machine_id as is
    from ${fresh(PUBLISHED_SPEND)} as said
    full join (select * from spend where machine_id is not null) as made
      on made.provider = said.provider and made.minute = said.minute and made.resource_id = said.resource_id
      and made.resource_created_at = said.resource_created_at
    where (said.nano_usd, said.use, said.tier, said.machine_id)
      is distinct from (made.nano_usd, made.use, made.tier, made.machine_id)
    order by 1, 2, 3
    limit ${DIFFERENCES_MAX}
  `;
  const [sum] = await fresh<{ rows: number; said: string; made: string }[]>`
    select
      (select count(*) from ${fresh(PUBLISHED_SPEND)})::integer as rows,
      (select round(coalesce(sum(nano_usd), 0) / 1e9, ${NANO_DIGITS}) from ${
    fresh(PUBLISHED_SPEND)
  })::text as said,
      (select round(coalesce(sum(nano_usd), 0) / 1e9, ${NANO_DIGITS}) from spend where machine_id is not null)::text as made
  `;
  if (minutes === 0 && sum?.rows === 0) {
    return yield notChecked("spend", "no bill was read in the window");
  }
  yield differences.length === 0
    ? passed(
      "spend",
      `${sum?.rows} rows of ${minutes} bills made again from their readings, all the same: $${sum?.made}`,
    )
    : failed(
      "spend",
      `made again from the readings it is $${sum?.made}; published is $${sum?.said}`,
      differences.map(({ minute, provider, resource, said, is }) =>
        `${minute} ${provider} ${resource}: published ${said ?? "nothing"}, made again ${
          is ?? "nothing"
        }`
      ),
    );
}

/** Runs the statement that priced each bill on it once more, oldest first. Answers how many bills there are. */
async function makeSpend(fresh: Sql, { from, to }: Range): Promise<number> {
  const statement = await Deno.readTextFile(SPEND_SQL);
  const bills = await fresh<{ provider: string; minute: Date }[]>`
    select provider, minute from billing_snapshots
    where outcome = 'read' and minute >= ${new Date(from)} and minute < ${new Date(to)}
    order by minute, provider
  `;
  for (let at = 0; at < bills.length; at += BATCH) {
    // One connection carries them out in the order they are sent.
    await fresh.begin((tx) =>
      bills.slice(at, at + BATCH).map(({ provider, minute }) =>
        tx.unsafe(statement, [provider, minute.toISOString()], { prepare: true })
      )
    );
  }
  return bills.length;
}

/**
 * Powered machine time from the journal alone: the roll-up is run again beside what it rolled up, and must find nothing
 * to add. (Which part of it was busy comes from requests, which are not published.)
 */
export async function checkMachineTime(fresh: Sql, { range, made_at }: Manifest): Promise<Check> {
  const name = "machine time";
  const until: Instant = later(range.to < made_at ? range.to : made_at, millis(-ROLLED_WITHIN));
  if (until <= range.from) return notChecked(name, "the window is too short");
  const statement = await Deno.readTextFile(MACHINE_TIME_SQL);
  const values = [range.from, until, made_at].map((at) => new Date(at).toISOString());
  const [before] = await fresh<{ seq: string; rows: number }[]>`
    select coalesce(max(seq), 0)::text as seq, count(*)::integer as rows from machine_minutes
  `;
  await fresh`
    select setval(pg_get_serial_sequence('machine_minutes', 'seq'), ${
    before?.seq ?? "0"
  }::bigint + 1)
  `;
  const found = await undone(fresh, async (tx) => {
    await tx.unsafe(statement, values);
    return await tx<{ minute: string; machine: string; us: string }[]>`
      select minute::text as minute, machine_id as machine, sum(powered_us)::text as us
      from machine_minutes
      where seq > ${before?.seq ?? "0"}::bigint and powered_us <> 0
      group by minute, machine_id
      order by machine_minutes.minute, machine_id
      limit ${DIFFERENCES_MAX}
    `;
  });
  if (found.length === 0) {
    return passed(name, `${before?.rows} minutes of machines agree with the journal`);
  }
  return failed(
    name,
    "the journal says otherwise",
    found.map(({ minute, machine, us }) =>
      `${minute} ${machine}: powered ${us} µs more by the journal`
    ),
  );
}

/** What `act` finds, with all it wrote taken back. */
async function undone<T>(sql: Sql, act: (tx: Sql) => Promise<T>): Promise<T> {
  const connection = await sql.reserve();
  try {
    await connection`begin`;
    return await act(connection);
  } finally {
    await connection`rollback`;
    connection.release();
  }
}
