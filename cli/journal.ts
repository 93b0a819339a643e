/** `journal`: every move of the fleet, why, and what came of it. */
import type { Command } from "commander";
import { z } from "zod";
import { JOURNAL_PAGE_MAX, type JournalEntry, readJournal } from "@/lib/fleet/journal_store.ts";
import { type Instant, instant, millis } from "@/lib/kernel/clock.ts";
import { unreachable } from "@/lib/kernel/assert.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { parseCount } from "./arguments.ts";
import { withDatabase } from "./connect.ts";
import {
  type CliIo,
  type Column,
  document,
  type Format,
  type Json,
  jsonLine,
  table,
  utc,
  utcExact,
  withOutput,
} from "./output.ts";

const LOOK_EVERY = millis(500);
/**
 * An entry may become visible this long after later ones: its transaction took its time, or its replica's clock is
 * behind. So following reads this far back again, and shows what it has not shown.
 */
const LATE_MS_MAX = 60_000;

type Options = { tail: number; follow?: boolean; tier?: string; machine?: string; output: Format };

export function addJournal(program: Command, io: CliIo): void {
  withOutput(program.command("journal"))
    .description("show what was done to the fleet and why, oldest first")
    .option("-n, --tail <count>", "the newest so many", parseCount(1, JOURNAL_PAGE_MAX), 20)
    .option("-f, --follow", "go on with new entries as they are written")
    .option("--tier <name>", "only of this tier")
    .option("--machine <id>", "only of this machine")
    .action((options: Options) =>
      withDatabase(
        io,
        {},
        (sql) => options.follow === true ? follow(io, sql, options) : once(io, sql, options),
      )
    );
}

async function once(io: CliIo, sql: Sql, options: Options): Promise<void> {
  const entries = await readJournal(sql, { ...filterOf(options), limit: options.tail });
  if (options.output === "json") return io.out(document({ entries: entries.map(entryJson) }));
  io.out(table(entries, COLUMNS));
}

async function follow(io: CliIo, sql: Sql, options: Options): Promise<void> {
  const filter = filterOf(options);
  const recent = (now: Instant) =>
    readJournal(sql, { ...filter, since: instant(now - LATE_MS_MAX), limit: JOURNAL_PAGE_MAX });
  const shown = new Map<string, Instant>();
  const show = (entries: readonly JournalEntry[]) => {
    const fresh = entries.filter((entry) => !shown.has(entry.id));
    for (const entry of fresh) shown.set(entry.id, entry.at);
    if (options.output === "table") return io.out(table(fresh, COLUMNS, { headed: false }));
    fresh.forEach((entry) => io.out(jsonLine(entryJson(entry))));
  };
  // What is recent but beyond the tail was not asked for.
  for (const entry of await recent(io.clock.now())) shown.set(entry.id, entry.at);
  const tail = await readJournal(sql, { ...filter, limit: options.tail });
  tail.forEach((entry) => shown.delete(entry.id));
  if (options.output === "table") io.out(table([], COLUMNS));
  show(tail);
  while (true) {
    await io.clock.sleep(LOOK_EVERY, io.signal);
    if (io.signal.aborted) return;
    const now = io.clock.now();
    show(await recent(now));
    for (const [id, at] of shown) {
      if (at < now - 2 * LATE_MS_MAX) shown.delete(id);
    }
  }
}

function filterOf({ tier, machine }: Options) {
  return {
    ...(tier === undefined ? {} : { tier }),
    ...(machine === undefined ? {} : { machineId: machine }),
  };
}

const COLUMNS: Column<JournalEntry>[] = [
  { header: "at", unit: "UTC", least: 20, cell: (entry) => utc(entry.at) },
  { header: "tier", least: 12, cell: (entry) => entry.tier },
  { header: "machine", least: 30, cell: (entry) => entry.machineId },
  { header: "entry", least: 28, cell: whatOf },
  { header: "because", least: 40, cell: whyOf },
  { header: "id", cell: (entry) => entry.id },
];

/** `asleep → waking (start)`, `start: failed`, `note`. */
function whatOf(entry: JournalEntry): string {
  switch (entry.kind) {
    case "move": {
      const act = entry.act === null ? "" : ` (${entry.act})`;
      return `${entry.fromPlace ?? "new"} → ${entry.toPlace}${act}`;
    }
    case "outcome":
      return `outcome: ${entry.outcome}`;
    case "note":
      return "note";
    default:
      return unreachable(entry);
  }
}

/** What came of a move is told by its detail alone. */
function whyOf(entry: JournalEntry): string {
  if (entry.kind !== "outcome") return entry.because;
  return Object.entries(entry.detail).map(([name, value]) =>
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`
  ).join(" ");
}

function entryJson(entry: JournalEntry): Json {
  return {
    id: entry.id,
    at: utcExact(entry.at),
    kind: entry.kind,
    tier: entry.tier,
    machine_id: entry.machineId,
    generation: entry.kind === "move" ? entry.generation : null,
    from_place: entry.kind === "move" ? entry.fromPlace : null,
    to_place: entry.kind === "move" ? entry.toPlace : null,
    act: entry.kind === "move" ? entry.act : null,
    move_id: entry.kind === "outcome" ? entry.moveId : null,
    outcome: entry.kind === "outcome" ? entry.outcome : null,
    because: entry.because,
    detail: z.json().parse(entry.detail),
    replica_id: entry.replicaId,
  };
}
