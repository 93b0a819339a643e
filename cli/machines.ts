/** `machines` and `tiers`: what the lineup is, and where its machines are in their lives. */
import type { Command } from "commander";
import { machineColumns, machineOf, type MachineRow } from "@/lib/fleet/machine_row.ts";
import { type Machine, SHOWN_STATE } from "@/lib/fleet/place.ts";
import { WHY_TEXT } from "@/lib/fleet/refusal.ts";
import { type Instant, since } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { TierSpec } from "@/lib/kernel/fleet_file.ts";
import { readFleet } from "./config.ts";
import { withDatabase } from "./connect.ts";
import {
  type CliIo,
  type Column,
  document,
  type Format,
  type Json,
  span,
  table,
  utc,
  utcExact,
  withOutput,
} from "./output.ts";

/** More than any lineup has. */
const MACHINES_MAX = 10_000;

export function addMachines(program: Command, io: CliIo): void {
  const machines = program.command("machines").description("the computers of the lineup");
  withOutput(machines.command("list"))
    .description("list machines by tier and slot")
    .option("--tier <name>", "only this tier's")
    .option("--all", "those the lineup no longer names, too")
    .action((options: { tier?: string; all?: boolean; output: Format }) =>
      listMachines(io, options)
    );

  const tiers = program.command("tiers").description("the rungs of the lineup");
  withOutput(tiers.command("list"))
    .description("list the tiers of the fleet file by priority, with the places of their machines")
    .action((options: { output: Format }) => listTiers(io, options.output));
}

async function listMachines(
  io: CliIo,
  options: { tier?: string; all?: boolean; output: Format },
): Promise<void> {
  const machines = (await withDatabase(io, {}, readMachines)).filter((machine) =>
    (options.all === true || !machine.retired) &&
    (options.tier === undefined || machine.tier === options.tier)
  );
  if (options.output === "json") return io.out(document({ machines: machines.map(machineJson) }));
  io.out(table(machines, MACHINE_COLUMNS(io.clock.now())));
}

async function listTiers(io: CliIo, output: Format): Promise<void> {
  const { lineup } = await readFleet(io);
  const machines = await withDatabase(io, {}, readMachines);
  const rows = lineup.map((tier, i): TierRow => ({
    priority: i + 1,
    tier,
    machines: machines.filter((machine) => machine.tier === tier.name && !machine.retired),
  }));
  if (output === "json") return io.out(document({ tiers: rows.map(tierJson) }));
  io.out(table(rows, TIER_COLUMNS));
}

async function readMachines(sql: Sql): Promise<Machine[]> {
  const rows = await sql<MachineRow[]>`
    select ${machineColumns(sql)} from machines
    order by retired_at is not null, tier, slot, created_at
    limit ${MACHINES_MAX}`;
  return rows.map(machineOf);
}

const MACHINE_COLUMNS = (now: Instant): Column<Machine>[] => [
  { header: "tier", cell: (machine) => machine.tier },
  { header: "slot", right: true, cell: (machine) => machine.slot },
  { header: "id", cell: (machine) => machine.id },
  { header: "provider", cell: (machine) => machine.provider },
  { header: "place", cell: (machine) => machine.place.at + (machine.retired ? " (retired)" : "") },
  { header: "state", cell: (machine) => SHOWN_STATE[machine.place.at] },
  { header: "since", unit: "UTC", cell: (machine) => utc(machine.placeSince) },
  { header: "for", right: true, cell: (machine) => span(since(machine.placeSince, now)) },
  { header: "failures", right: true, cell: (machine) => machine.failures },
  { header: "why", cell: (machine) => reasonOf(machine) },
  {
    header: "retry",
    unit: "UTC",
    cell: ({ place }) => place.at === "failed" ? utc(place.retryAt) : null,
  },
  { header: "address", cell: (machine) => machine.baseUrl },
];

/** Why a failed machine is not tried now; null for one that has not failed. */
function reasonOf({ place }: Machine): string | null {
  if (place.at !== "failed") return null;
  return place.why === undefined ? "it would not start, or work" : WHY_TEXT[place.why];
}

type TierRow = { priority: number; tier: TierSpec; machines: Machine[] };

const TIER_COLUMNS: Column<TierRow>[] = [
  { header: "priority", right: true, cell: (row) => row.priority },
  { header: "tier", cell: (row) => row.tier.name },
  { header: "band", cell: (row) => row.tier.band },
  { header: "provider", cell: (row) => row.tier.provider },
  { header: "gpu", cell: (row) => row.tier.gpu },
  { header: "serves", cell: (row) => Object.keys(row.tier.serves).join(",") },
  { header: "machines", right: true, cell: (row) => row.tier.machines },
  {
    header: "places",
    cell: (row) => placesOf(row.machines).map(([at, n]) => `${n} ${at}`).join(", "),
  },
  { header: "idle", right: true, cell: (row) => span(row.tier.idle) },
  { header: "when cold", cell: (row) => row.tier.when_cold },
];

function placesOf(machines: readonly Machine[]): [string, number][] {
  return Object.entries(Object.groupBy(machines, (machine) => machine.place.at))
    .map(([at, there]) => [at, there.length]);
}

function machineJson(machine: Machine): Json {
  return {
    id: machine.id,
    tier: machine.tier,
    slot: machine.slot,
    provider: machine.provider,
    external_id: machine.externalId,
    base_url: machine.baseUrl,
    place: machine.place.at,
    state: SHOWN_STATE[machine.place.at],
    place_since: utcExact(machine.placeSince),
    failures: machine.failures,
    why: machine.place.at === "failed" ? machine.place.why ?? "start-failed" : null,
    reason: reasonOf(machine),
    retry_at: utcExact(machine.place.at === "failed" ? machine.place.retryAt : null),
    generation: machine.generation,
    retired: machine.retired,
  };
}

function tierJson({ priority, tier, machines }: TierRow): Json {
  return {
    priority,
    name: tier.name,
    band: tier.band,
    provider: tier.provider,
    gpu: tier.gpu,
    serves: Object.keys(tier.serves),
    machines: tier.machines,
    always_ready: tier.always_ready,
    places: Object.fromEntries(placesOf(machines)),
    idle_ms: tier.idle,
    when_cold: tier.when_cold,
    concurrency: tier.concurrency,
    held_max: tier.held_max,
  };
}
