/** What the site may do with publications: have one made, hand its files out, name the last sealed day. */
import type { Asked } from "./asked_window.ts";
import { type ManifestJson, readSqlFiles } from "./manifest.ts";
import { openFile, openZipped } from "./publication_store.ts";
import { publish, type PublishDeps } from "./publish.ts";

export type Publications = {
  /** Throws AppError where none can be made. */
  readonly publish: (asked: Asked) => Promise<ManifestJson>;
  /** A file, gzipped or as it is; null when there is none. */
  readonly open: (
    publication: string,
    file: string,
    zipped: boolean,
  ) => Promise<ReadableStream<Uint8Array<ArrayBuffer>> | null>;
  readonly lastDay: () => Promise<{ readonly day: string; readonly digest: string } | null>;
};

export async function createPublications(
  deps: Omit<PublishDeps, "sqlFiles">,
): Promise<Publications> {
  const { sql } = deps;
  const sqlFiles = await readSqlFiles();
  return {
    publish: (asked) => publish({ ...deps, sqlFiles }, asked),
    open: (id, file, zipped) => zipped ? openZipped(sql, id, file) : openFile(sql, id, file),
    async lastDay() {
      const [last] = await sql<{ day: string; digest: string }[]>`
        select to_char(day, 'YYYY-MM-DD') as day, digest from ledger_days order by ledger_days.day desc limit 1
      `;
      return last ?? null;
    },
  };
}
