/** Publications as they are kept: a manifest, and gzipped files in parts. */
import { type Instant, later, type Millis, millis } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Asked } from "./asked_window.ts";
import { type ManifestJson, manifestShape } from "./manifest.ts";

/** A reader who began with one finds its files for as long. */
export const KEPT_FOR: Millis = millis(6 * 3_600_000);
/** Older ones go before their time when there are more. */
const KEPT_MAX = 12;

/** The newest whole publication of that name, if it was made after `since`. */
export async function findManifest(
  sql: Sql,
  name: string,
  since: Instant | null,
): Promise<ManifestJson | null> {
  const [row] = await sql<{ manifest: unknown }[]>`
    select manifest from publications
    where name = ${name} and manifest is not null
      and made_at > ${since === null ? new Date(0) : new Date(since)}
    order by made_at desc
    limit 1
  `;
  return row === undefined ? null : asJson(row.manifest);
}

export async function readManifest(sql: Sql, id: string): Promise<ManifestJson | null> {
  const [row] = await sql<{ manifest: unknown }[]>`
    select manifest from publications where id = ${id} and manifest is not null
  `;
  return row === undefined ? null : asJson(row.manifest);
}

/** Ours, checked all the same: another version may have written it. */
function asJson(stored: unknown): ManifestJson | null {
  return isManifest(stored) ? stored : null;
}

const isManifest = (stored: unknown): stored is ManifestJson =>
  manifestShape.safeParse(stored).success;

export async function publishedSince(sql: Sql, since: Instant): Promise<boolean> {
  const rows = await sql`select from publications where made_at > ${new Date(since)} limit 1`;
  return rows.length > 0;
}

export async function dropPublication(sql: Sql, id: string): Promise<void> {
  await sql`delete from publications where id = ${id}`;
}

export async function openPublication(
  sql: Sql,
  id: string,
  { name, window }: Asked,
  now: Instant,
): Promise<void> {
  await sql`
    insert into publications (id, name, window_from, window_to, made_at)
    values (${id}, ${name}, ${new Date(window.from)}, ${new Date(window.to)}, ${new Date(now)})
  `;
}

export async function keepPart(
  sql: Sql,
  { id, file, part }: { readonly id: string; readonly file: string; readonly part: number },
  content: Uint8Array,
): Promise<void> {
  await sql`
    insert into publication_parts (publication_id, file, part, content)
    values (${id}, ${file}, ${part}, ${content})
  `;
}

/** Now it is whole, and may be found. */
export async function keepManifest(sql: Sql, manifest: ManifestJson): Promise<void> {
  await sql`
    update publications set manifest = ${
    sql.json(manifest)
  }::jsonb where id = ${manifest.publication}
  `;
}

/** Lets go of those that are too old or too many, halves of killed replicas included. */
export async function dropOld(sql: Sql, now: Instant): Promise<void> {
  await sql`
    delete from publications
    where made_at < ${new Date(later(now, millis(-KEPT_FOR)))}
      or id in (
        select id from publications where manifest is not null order by made_at desc offset ${
    KEPT_MAX - 1
  }
      )
  `;
}

/** A file's gzipped bytes, a part at a time. Nothing when there is no such file. */
async function* readParts(
  sql: Sql,
  id: string,
  file: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let part = 0;; part++) {
    const [row] = await sql<{ content: Uint8Array<ArrayBuffer> }[]>`
      select content from publication_parts
      where publication_id = ${id} and file = ${file} and part = ${part}
    `;
    if (row === undefined) return;
    yield row.content;
  }
}

/** A file as it was published; null when there is none. */
export async function openFile(
  sql: Sql,
  id: string,
  file: string,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | null> {
  const zipped = await openZipped(sql, id, file);
  return zipped === null ? null : zipped.pipeThrough(new DecompressionStream("gzip"));
}

/** The same, gzipped. */
export async function openZipped(
  sql: Sql,
  id: string,
  file: string,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | null> {
  const manifest = await readManifest(sql, id);
  if (manifest?.files.some(({ name }) => name === file) !== true) return null;
  return ReadableStream.from(readParts(sql, id, file));
}
