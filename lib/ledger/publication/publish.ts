/**
 * Makes publications: every file of one from one snapshot of the database, kept in the database for a while, so that any
 * replica hands it out and no reader, however slow, holds a transaction open.
 */
import {
  type Clock,
  type Instant,
  instant,
  later,
  type Millis,
  millis,
} from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { newId } from "@/lib/kernel/ids.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { FOLD_NAMES, type FoldName, runFold } from "../folds.ts";
import { readRolledTo } from "../rollups.ts";
import { type Asked, rolledWindow } from "./asked_window.ts";
import { fixFormats, linesOut, tally, type Transaction } from "./csv_lines.ts";
import { fromMidnight } from "./inputs.ts";
import {
  csvFiles,
  FIGURES_FILE,
  type ManifestFile,
  type ManifestJson,
  type PublishedFigures,
  type SqlFile,
} from "./manifest.ts";
import {
  dropOld,
  dropPublication,
  findManifest,
  keepManifest,
  keepPart,
  openPublication,
  publishedSince,
} from "./publication_store.ts";

/** A trailing window is published again when it is older than this. */
export const FRESH_FOR: Millis = millis(600_000);
const PUBLISH_MS_MAX = 300_000;
/** Of one file, as it is read: a month of thirty machines with their disks and addresses. */
const FILE_BYTES_MAX = 400_000_000;
const PART_BYTES = 262_144;
/** Another replica is making one meanwhile. */
const RETRY_AFTER_S = 5;
/** Ranges are many, and anybody may ask: the next one is made this much later. */
const RANGE_EVERY: Millis = millis(60_000);

export type PublishDeps = {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly log: Log;
  readonly folds: ReadonlyMap<FoldName, string>;
  readonly sqlFiles: readonly SqlFile[];
};

/**
 * The publication of a window: the last one while it is fresh, else a new one. One is made at a time.
 * Throws AppError: `invalid_request` for days that are not sealed or more rows than a file may hold, `queue_full`
 * while another one is being made, or a range was just made.
 */
export async function publish(deps: PublishDeps, asked: Asked): Promise<ManifestJson> {
  const { sql, clock, log } = deps;
  const now = clock.now();
  const known = await findManifest(
    sql,
    asked.name,
    asked.lastDay === null ? later(now, millis(-FRESH_FOR)) : null,
  );
  if (known !== null) return known;
  if (asked.lastDay !== null) {
    await refuseUnsealed(sql, asked.lastDay);
    if (await publishedSince(sql, later(now, millis(-RANGE_EVERY)))) {
      throw busy(RANGE_EVERY / 2_000);
    }
  }
  await dropOld(sql, now);
  const id = newId("pub", now);
  try {
    const manifest = await make(deps, asked, id, now);
    await keepManifest(sql, manifest);
    log.info("ledger.published", { publication: id, window: asked.name });
    return manifest;
  } catch (error) {
    await dropPublication(sql, id);
    throw error;
  }
}

const busy = (retryAfterS: number) =>
  new AppError("queue_full", "Another publication is being made: ask again", {
    retryAfterS,
  });

async function make(
  deps: PublishDeps,
  asked: Asked,
  id: string,
  now: Instant,
): Promise<ManifestJson> {
  return await deps.sql.begin("isolation level repeatable read", async (tx) => {
    const [lock] = await tx<{ won: boolean }[]>`
      select pg_try_advisory_xact_lock(hashtextextended('publish', 0)) as won
    `;
    if (lock?.won !== true) throw busy(RETRY_AFTER_S);
    const window = rolledWindow(asked, await readRolledTo(tx));
    await openPublication(deps.sql, id, { ...asked, window }, now);
    return await writeFiles(deps, tx, id, { ...asked, window }, now);
  });
}

async function refuseUnsealed(sql: Sql, lastDay: string): Promise<void> {
  const [last] = await sql<{ sealed: boolean; day: string | null }[]>`
    select coalesce(max(day) >= ${lastDay}, false) as sealed, to_char(max(day), 'YYYY-MM-DD') as day
    from ledger_days
  `;
  if (last?.sealed === true) return;
  const sealed = last?.day === null || last === undefined
    ? "no day is sealed yet"
    : `the last sealed day is ${last.day}`;
  throw new AppError("invalid_request", `Cannot publish ${lastDay}: ${sealed}`);
}

async function writeFiles(
  deps: PublishDeps,
  tx: Transaction,
  id: string,
  { name, window }: Asked,
  now: Instant,
): Promise<ManifestJson> {
  await fixFormats(tx);
  await tx`select set_config('statement_timeout', ${String(PUBLISH_MS_MAX)}, true)`;
  const range = fromMidnight(window);
  const files: ManifestFile[] = [];
  const write = async (file: string, says: string, parts: Parts, headerLines = 0) => {
    const { lines, bytes, sha256 } = await writeFile(deps.sql, id, file, parts);
    files.push({ name: file, says, lines: lines - headerLines, bytes, sha256 });
  };
  for (const { input, name, isBefore } of csvFiles()) {
    const select = isBefore && input.before !== undefined ? input.before(range) : input.rows(range);
    const says = isBefore ? `What ${input.name}.csv counts from: earlier rows.` : input.says;
    await write(name, says, linesOut(tx, select, input.columns.join(",")), 1);
  }
  const figures: PublishedFigures = {};
  for (const fold of FOLD_NAMES) figures[fold] = [...await runFold(tx, deps.folds, fold, window)];
  const json = JSON.stringify(figures, null, 1) + "\n";
  await write(FIGURES_FILE, "What each figure's SQL answered on these rows.", textParts(json));
  for (const { name, says, text } of deps.sqlFiles) await write(name, says, textParts(text));
  return {
    publication: id,
    made_at: new Date(now).toISOString(),
    window: { name, ...isoRange(window) },
    range: isoRange(range),
    files,
  };
}

type Parts = AsyncIterable<Uint8Array<ArrayBuffer>>;

async function* textParts(text: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield new TextEncoder().encode(text);
}

/** Hashes a file as it passes, and keeps it gzipped. Throws AppError when it is longer than a file may be. */
async function writeFile(sql: Sql, id: string, file: string, parts: Parts) {
  const passed = tally();
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for await (const part of parts) {
      bytes += part.length;
      if (bytes > FILE_BYTES_MAX) {
        throw new AppError(
          "invalid_request",
          `Cannot publish so much at once: choose a shorter window`,
        );
      }
      passed.add(part);
      yield part;
    }
  }
  const zipped = ReadableStream.from(counted()).pipeThrough(new CompressionStream("gzip"));
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let part = 0;
  const flush = async () => {
    await keepPart(sql, { id, file, part: part++ }, joined(held, heldBytes));
    held = [];
    heldBytes = 0;
  };
  for await (const chunk of zipped) {
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes >= PART_BYTES) await flush();
  }
  if (heldBytes > 0) await flush();
  return passed.end();
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function isoRange({ from, to }: { readonly from: Instant; readonly to: Instant }) {
  return { from: new Date(instant(from)).toISOString(), to: new Date(to).toISOString() };
}
