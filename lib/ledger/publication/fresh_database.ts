/**
 * Published rows in an empty database of this program's own tables. What is not published is taken away, so that a figure
 * which needs it fails by name instead of answering from nothing.
 */
import type { Sql } from "@/lib/kernel/database.ts";
import { type CsvRow, csvRows } from "./csv_rows.ts";
import { type InputKind, INPUTS } from "./inputs.ts";
import { csvFiles } from "./manifest.ts";

/** Published spend lies here; `spend` is made anew. */
export const PUBLISHED_SPEND = "published_spend";
/** Rows of one statement. */
const BATCH = 2_000;
/** Kept by the tables' own triggers from what is loaded. */
const DERIVED = ["usage_spans", "machine_spans", "spend_spans", "billing_hours", "billing_since"];

export type Opener = (file: string) => Promise<ReadableStream<Uint8Array>>;

/** Loads every CSV file. Throws what the database says of a file it cannot take, with the file's name before it. */
export async function loadInputs(sql: Sql, open: Opener): Promise<void> {
  await loosen(sql);
  for (const { input, name } of csvFiles()) {
    try {
      await load(sql, input, await open(name));
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Cannot load ${name}: ${said}`, { cause });
    }
  }
  await sql`analyze`;
}

async function load(sql: Sql, input: InputKind, body: ReadableStream<Uint8Array>): Promise<void> {
  const insert = await insertOf(sql, input);
  const header = input.columns.join(",");
  let isHeader = true;
  let batch: CsvRow[] = [];
  for await (const row of csvRows(body)) {
    if (isHeader) {
      if (row.join(",") !== header) throw new Error(`its columns are not ${header}`);
      isHeader = false;
      continue;
    }
    if (row.length !== input.columns.length) {
      throw new Error(
        `a row has ${row.length} fields, not ${input.columns.length}: ${row.join(",")}`,
      );
    }
    batch.push(row);
    if (batch.length < BATCH) continue;
    await sql.unsafe(insert, [JSON.stringify(batch)]);
    batch = [];
  }
  if (isHeader) throw new Error("it has no header");
  if (batch.length > 0) await sql.unsafe(insert, [JSON.stringify(batch)]);
}

/** Takes rows as JSON arrays of texts, and reads each text as its column's type does. (A COPY that fails is not told to us.) */
async function insertOf(sql: Sql, { name, table, columns }: InputKind): Promise<string> {
  const target = name === "spend" ? PUBLISHED_SPEND : table;
  const types = await sql<{ name: string; type: string }[]>`
    select attname as name, format_type(atttypid, atttypmod) as type
    from pg_attribute where attrelid = ${target}::regclass
  `;
  const typeOf = (column: string) => types.find((one) => one.name === column)?.type ?? "text";
  const values = columns.map((column, i) => `(one ->> ${i})::${typeOf(column)}`);
  return `insert into ${target} (${columns.join(", ")}) overriding system value
    select ${values.join(", ")} from jsonb_array_elements($1::text::jsonb) as one`;
}

/** Columns and references that are not published may be missing. */
async function loosen(sql: Sql): Promise<void> {
  await sql.unsafe(`create table ${PUBLISHED_SPEND} (like spend including indexes)`);
  const tables = INPUTS.map(({ table }) => table);
  await sql.unsafe("alter table billing_snapshots alter column raw_sha256 drop expression");
  await sql.unsafe("alter table machines alter column place set default 'asleep'");
  await sql.unsafe("alter table operations add column rest_sha256 text");
  await sql.unsafe("drop index ledger_days_first"); // the day before is not published; verify_chain.ts sees to it
  const constraints = await sql<{ table: string; name: string }[]>`
    select conrelid::regclass::text as table, conname as name
    from pg_constraint
    where contype in ('c', 'f') and conrelid::regclass::text = any(${tables})
    order by contype desc
  `;
  for (const { table, name } of constraints) {
    await sql`alter table ${sql(table)} drop constraint if exists ${sql(name)}`;
  }
  for (const { table, columns } of INPUTS) {
    const unpublished = await sql<{ name: string }[]>`
      select attname as name from pg_attribute
      where attrelid = ${table}::regclass and attnum > 0 and attnotnull and attidentity = ''
        and attname <> all(${[...columns]})
    `;
    for (const { name } of unpublished) {
      await sql`alter table ${sql(table)} alter column ${sql(name)} drop not null`;
    }
  }
}

/** Takes away every table that holds nothing published, and what stands on it. */
export async function dropUnpublished(sql: Sql): Promise<void> {
  const kept = [...INPUTS.map(({ table }) => table), ...DERIVED, PUBLISHED_SPEND];
  const rows = await sql<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
      and relname <> all(${kept})
  `;
  for (const { name } of rows) await sql`drop table if exists ${sql(name)} cascade`;
}
