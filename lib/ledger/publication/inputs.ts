/**
 * What is published to work the figures out again: kinds of rows, each a CSV file that PostgreSQL writes as it stands. Pure.
 * No account, key, request or prompt is in any; of reasons and raw answers there are classes and hashes.
 */
import { type Instant, instant, later, millis } from "@/lib/kernel/clock.ts";

/** From its first moment to before its last; UTC. */
export type Range = { readonly from: Instant; readonly to: Instant };

export type InputKind = {
  readonly name: string;
  /** The table the rows are from, and are loaded into again. */
  readonly table: string;
  readonly says: string;
  /** In order; the first one is the time by which the row belongs to a day. */
  readonly columns: readonly string[];
  /** Whether its days are sealed. */
  readonly sealed: boolean;
  /** The lines of a day, whole: what is hashed. */
  readonly ofDay: (day: string) => string;
  /** The lines of a range: those of its days, and what was written later about its minutes. */
  readonly rows: (range: Range) => string;
  /** The lines before a range that its money and its time count from. */
  readonly before?: (range: Range) => string;
};

const DAY = millis(86_400_000);
const SORTED_AS_TEXT: ReadonlySet<string> = new Set([
  "provider",
  "resource_id",
  "machine_id",
  "id",
]);

/** The day that begins at `YYYY-MM-DD`, UTC. */
export function dayRange(day: string): Range {
  const from = instant(Date.parse(`${day}T00:00:00Z`));
  return { from, to: later(from, DAY) };
}

/** The day a moment is in, `YYYY-MM-DD`, UTC. */
export function dayOf(at: Instant): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** `range` from the midnight before it, so that each sealed day in it is whole. */
export function fromMidnight({ from, to }: Range): Range {
  return { from: dayRange(dayOf(from)).from, to };
}

export const INPUTS: readonly InputKind[] = [
  kind({
    name: "snapshots",
    table: "billing_snapshots",
    says:
      "Each minute a provider's bill was asked for: read, or a gap and the class of its reason.",
    columns: ["minute", "provider", "outcome", "because", "raw_sha256"],
    shown: { because: "split_part(because, ':', 1)" },
    order: ["minute", "provider"],
    sealed: true,
    before: ({ from }) => `
      where outcome = 'read' and (
        minute = (select max(minute) from billing_snapshots as last
          where last.provider = t.provider and outcome = 'read' and minute < ${at(from)})
        or minute < ${at(from)} and minute = (select min(minute) from billing_snapshots as first
          where first.provider = t.provider and outcome = 'read')
      )`,
  }),
  kind({
    name: "readings",
    table: "billing_readings",
    says:
      "What a snapshot said was ever billed for a resource of this deployment, wherever that had changed.",
    columns: [
      ...["minute", "provider", "resource_id", "resource_created_at", "kind", "machine_id", "tier"],
      ...["rate_nano_usd_per_minute", "total_nano_usd", "active", "terminated_at"],
    ],
    order: ["minute", "provider", "resource_id", "resource_created_at"],
    sealed: true,
    where: "machine_id is not null",
    // Those of before that one in the range counts from; also one from when it was not yet known to be ours.
    before: (range) => {
      const sameResource = (one: string) =>
        `${one}.provider = t.provider and ${one}.resource_id = t.resource_id
          and ${one}.resource_created_at = t.resource_created_at`;
      return `
      where t.minute < ${at(range.to)} and (t.minute < ${at(range.from)} or t.machine_id is null)
        and exists (
          select from billing_readings as after
          where ${
        sameResource("after")
      } and after.machine_id is not null and after.minute > t.minute
            and after.minute >= ${at(range.from)} and after.minute < ${at(range.to)}
        )
        and (t.minute >= ${at(range.from)} or not exists (
          select from billing_readings as later
          where ${sameResource("later")} and later.minute > t.minute and later.minute < ${
        at(range.from)
      }
        ))`;
    },
  }),
  kind({
    name: "billed_machines",
    table: "billed_machines",
    says: "What a billed machine did, as it was known when its minute was paid for.",
    columns: ["minute", "provider", "machine_id", "place", "busy"],
    order: ["minute", "provider", "machine_id"],
    sealed: true,
  }),
  kind({
    name: "spend",
    table: "spend",
    says: "The money of each minute and what it was for: made of the three above, and made again.",
    columns: [
      ...["minute", "provider", "resource_id", "resource_created_at", "machine_id", "tier"],
      ...["use", "nano_usd"],
    ],
    order: ["minute", "provider", "resource_id", "resource_created_at"],
    sealed: true,
    where: "machine_id is not null",
  }),
  kind({
    name: "journal",
    table: "operations",
    says: "What was done to the machines. Its reasons and details are not shown; they are hashed.",
    columns: [
      ...["at", "seq", "id", "kind", "machine_id", "tier", "generation", "from_place", "to_place"],
      ...["act", "move_id", "outcome", "rest_sha256"],
    ],
    // The deployment's id is told to nobody but its providers: a short reason cannot be guessed from its hash.
    shown: {
      rest_sha256:
        "sha256_hex((select id from deployment) || ' ' || because || ' ' || detail::text)",
    },
    order: ["at", "seq"],
    sealed: true,
    before: ({ from }) => `
      where kind = 'move' and seq = (
        select last.seq from operations as last
        where last.kind = 'move' and last.machine_id = t.machine_id and last.at < ${at(from)}
        order by last.seq desc
        limit 1
      )`,
  }),
  kind({
    name: "usage_minutes",
    table: "usage_minutes",
    says:
      "Requests and tokens by the minute in which they ended, in the order they were added up. A minute's rows add up.",
    columns: [
      ...["recorded_at", "seq", "minute", "tier", "machine_id", "model", "requests", "refused"],
      ...["waited", "timed_out", "prompt_tokens", "completion_tokens", "cached_tokens"],
    ],
    order: ["recorded_at", "seq"],
    minutes: "minute",
    sealed: true,
  }),
  kind({
    name: "machine_minutes",
    table: "machine_minutes",
    says: "What machines did by the minute, in microseconds, in the same manner.",
    columns: [
      ...["recorded_at", "seq", "minute", "tier", "machine_id", "powered_us", "busy_us", "idle_us"],
    ],
    order: ["recorded_at", "seq"],
    minutes: "minute",
    sealed: true,
  }),
  kind({
    name: "wakes",
    table: "wakes",
    says: "Wakes asked for, and when each of their phases was reached. They change until they end.",
    columns: [
      ...["asked_at", "id", "tier", "machine_id", "deadline", "from_place", "power_asked_at"],
      ...["power_on_at", "address_at", "port_open_at", "healthy_at", "first_token_at", "ended_at"],
      "outcome",
    ],
    order: ["asked_at", "id"],
    sealed: false,
  }),
  kind({
    name: "machines",
    table: "machines",
    says: "Which machine is of which tier and provider.",
    columns: ["created_at", "id", "tier", "slot", "provider", "retired_at"],
    order: ["created_at", "id"],
    sealed: false,
    all: true,
  }),
  kind({
    name: "lineups",
    table: "lineups",
    says: "Each lineup that was in force: of its tiers the name and the watts that were declared.",
    columns: ["in_force_from", "id", "document"],
    shown: {
      document: `(
        select jsonb_agg(jsonb_build_object('name', spec -> 'name', 'watts', spec -> 'watts'))
        from jsonb_array_elements(t.document) as spec
      )`,
    },
    order: ["in_force_from", "id"],
    sealed: false,
    all: true,
  }),
  kind({
    name: "days",
    table: "ledger_days",
    says:
      "Each whole day of the sealed kinds: lines and SHA-256 of each, chained to the day before.",
    columns: ["day", "previous_digest", "contents", "digest", "sealed_at"],
    order: ["day"],
    sealed: false,
    all: true,
  }),
];

type Draft = Pick<InputKind, "name" | "table" | "says" | "columns" | "sealed"> & {
  /** Columns that are not shown as they are. */
  readonly shown?: Readonly<Record<string, string>>;
  readonly order: readonly string[];
  readonly where?: string;
  /** The column of the minute a row is about, where the first one is when it was written down. */
  readonly minutes?: string;
  /** Its rows are the same for every range. */
  readonly all?: boolean;
  readonly before?: (range: Range) => string;
};

function kind(
  { shown = {}, order, where, minutes, all = false, before, ...rest }: Draft,
): InputKind {
  const { table, columns } = rest;
  const [time = ""] = columns;
  const line = columns.map((column) => `csv_field((${shown[column] ?? `t.${column}`})::text)`)
    .join(" || ',' || ");
  // Words are ordered by their bytes, whatever the database's language is.
  const sorted = order.map((column) =>
    SORTED_AS_TEXT.has(column) ? `t.${column} collate "C"` : `t.${column}`
  );
  const select = (which: string) =>
    `select ${line} as line from ${table} as t ${which} order by ${sorted.join(", ")}`;
  const within = (until: string) => ({ from, to }: Range) =>
    select(
      all ? "" : [
        `where t.${time} >= ${at(from)} and t.${until} < ${at(to)}`,
        ...where === undefined ? [] : [`t.${where}`],
      ].join(" and "),
    );
  return {
    ...rest,
    ofDay: (day) => within(time)(dayRange(day)),
    rows: within(minutes ?? time),
    ...before === undefined ? {} : { before: (range: Range) => select(before(range)) },
  };
}

/** A number of ours needs no quoting. */
function at(moment: Instant): string {
  return `timestamptz '${new Date(moment).toISOString()}'`;
}
