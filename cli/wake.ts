/** `wake`: ask for a machine as a request does, and watch it come. `wakes`: what earlier ones took. */
import type { Command } from "commander";
import { liveReplicas } from "@/lib/fleet/replicas_store.ts";
import {
  askWake,
  recentWakes,
  wakeColumns,
  wakeOf,
  type WakeRecord,
  type WakeRow,
} from "@/lib/fleet/wakes_store.ts";
import { type Instant, later, millis, seconds, since } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { parseCount } from "./arguments.ts";
import { readFleet } from "./config.ts";
import { withDatabase } from "./connect.ts";
import {
  CliError,
  type CliIo,
  type Column,
  document,
  EXIT,
  type Format,
  type Json,
  jsonLine,
  span,
  table,
  utc,
  utcExact,
  withOutput,
} from "./output.ts";

const WAKES_MAX = 1_000;
const LOOK_EVERY = millis(500);
/** A wake is ended soon after its deadline; one that is not has no gateway any more. */
const OVERDUE = seconds(90);

const PHASES = [
  ["power_asked", (wake) => wake.powerAskedAt],
  ["power_on", (wake) => wake.powerOnAt],
  ["address", (wake) => wake.addressAt],
  ["port_open", (wake) => wake.portOpenAt],
  ["healthy", (wake) => wake.healthyAt],
  ["first_token", (wake) => wake.firstTokenAt],
] as const satisfies readonly (readonly [string, (wake: WakeRecord) => Instant | null])[];

export function addWake(program: Command, io: CliIo): void {
  withOutput(program.command("wake"))
    .description("ask the running gateway for a machine of a tier, as a request would")
    .argument("<tier>", "the tier's name, as in the fleet file")
    .option("--follow", "show each phase until the machine serves; exits 1 if it fails")
    .action((tier: string, options: { follow?: boolean; output: Format }) =>
      wake(io, tier, options)
    );

  const wakes = program.command("wakes").description("wakes and what they took");
  withOutput(wakes.command("list"))
    .description("list wakes, newest first; phases in seconds since the wake was asked for")
    .option("--tier <name>", "only this tier's")
    .option("--limit <count>", "at most this many", parseCount(1, WAKES_MAX), 20)
    .action((options: { tier?: string; limit: number; output: Format }) => list(io, options));
}

async function wake(
  io: CliIo,
  tierName: string,
  options: { follow?: boolean; output: Format },
): Promise<void> {
  const fleet = await readFleet(io);
  const tier = fleet.lineup.find((each) => each.name === tierName);
  if (tier === undefined) {
    const known = fleet.lineup.map((each) => each.name).join(", ");
    throw new CliError(EXIT.failed, `Cannot wake tier "${tierName}": the lineup has ${known}`);
  }
  await withDatabase(io, {}, async (sql) => {
    await requireGateway(sql);
    const answer = await askWake(sql, {
      tier: tier.name,
      requestId: null,
      patience: fleet.gateway.wake_cap,
      attempts: tier.wake.attempts,
    }, io.clock.now());
    if (answer.kind === "unavailable") {
      const retry = answer.retryAt === null
        ? ""
        : `; it is tried again after ${utc(answer.retryAt)}`;
      throw new CliError(EXIT.failed, `Cannot wake tier "${tierName}": ${answer.because}${retry}`);
    }
    if (answer.kind === "ready") {
      throw new CliError(
        EXIT.failed,
        `Tier "${tierName}" has a ready machine; there is nothing to wake`,
      );
    }
    const asked = await readWake(sql, answer.wakeId);
    if (options.follow === true) return await follow(io, sql, asked, options.output);
    if (options.output === "json") {
      return io.out(document({ wake: wakeJson(asked), shared: answer.shared }));
    }
    io.out(table([asked], COLUMNS));
    if (answer.shared) io.err("\nIt had been asked for before; this wake is shared\n");
  });
}

/** Reports each phase once, until the wake ends. Leaving does not end the wake. */
async function follow(io: CliIo, sql: Sql, asked: WakeRecord, output: Format): Promise<void> {
  const told = new Set<string>();
  const tell = (event: string, at: Instant, more: { [key: string]: Json } = {}) => {
    if (told.has(event)) return;
    told.add(event);
    const sinceAskedMs = since(asked.askedAt, at);
    if (output === "json") {
      const ids = { wake_id: asked.id, tier: asked.tier, machine_id: asked.machineId };
      return io.out(
        jsonLine({ event, at: utcExact(at), since_asked_ms: sinceAskedMs, ...ids, ...more }),
      );
    }
    const reason = typeof more["because"] === "string" ? `: ${more["because"]}` : "";
    io.out(`${utc(at)}  +${span(sinceAskedMs).padEnd(12)}  ${event.replace("_", " ")}${reason}\n`);
  };
  tell("asked", asked.askedAt);
  let wake = asked;
  while (true) {
    for (const [phase, atOf] of PHASES) {
      const at = atOf(wake);
      if (at !== null) tell(phase, at);
    }
    if (wake.endedAt !== null && wake.outcome !== null) {
      tell(wake.outcome, wake.endedAt, { because: wake.because });
      if (wake.outcome === "served") return;
      throw new CliError(
        EXIT.failed,
        `Cannot wake tier "${wake.tier}": ${wake.because ?? wake.outcome}`,
      );
    }
    if (io.clock.now() > later(wake.deadline, OVERDUE)) {
      throw new CliError(
        EXIT.unreachable,
        `Cannot follow wake ${wake.id} any longer: its deadline is past, and no gateway ended it`,
      );
    }
    await io.clock.sleep(LOOK_EVERY, io.signal);
    if (io.signal.aborted) {
      io.err(`Wake ${wake.id} goes on; "wakes list" shows what becomes of it\n`);
      return;
    }
    wake = await readWake(sql, asked.id);
  }
}

async function list(
  io: CliIo,
  options: { tier?: string; limit: number; output: Format },
): Promise<void> {
  const { tier = null, limit } = options;
  const wakes = await withDatabase(io, {}, (sql) => recentWakes(sql, { tier, limit }));
  if (options.output === "json") return io.out(document({ wakes: wakes.map(wakeJson) }));
  io.out(table(wakes, COLUMNS));
}

/** Without one nobody would act on the wake. */
async function requireGateway(sql: Sql): Promise<void> {
  if ((await liveReplicas(sql)).length > 0) return;
  throw new CliError(
    EXIT.unreachable,
    "Cannot wake anything: no gateway is running on this database; start it (deno task start)",
  );
}

async function readWake(sql: Sql, id: string): Promise<WakeRecord> {
  const [row] = await sql<WakeRow[]>`select ${wakeColumns(sql)} from wakes where id = ${id}`;
  if (row !== undefined) return wakeOf(row);
  throw new CliError(EXIT.failed, `Cannot find wake ${id} any more`);
}

const after = (at: (wake: WakeRecord) => Instant | null) => (wake: WakeRecord) => {
  const reached = at(wake);
  return reached === null ? null : (since(wake.askedAt, reached) / 1_000).toFixed(1);
};

const COLUMNS: Column<WakeRecord>[] = [
  { header: "asked", unit: "UTC", cell: (wake) => utc(wake.askedAt) },
  { header: "id", cell: (wake) => wake.id },
  { header: "tier", cell: (wake) => wake.tier },
  { header: "machine", cell: (wake) => wake.machineId },
  { header: "from", cell: (wake) => wake.fromPlace },
  ...PHASES.map(([phase, at]): Column<WakeRecord> => ({
    header: phase.replace("_", " "),
    unit: "s",
    right: true,
    cell: after(at),
  })),
  { header: "ended", unit: "s", right: true, cell: after((wake) => wake.endedAt) },
  { header: "outcome", cell: (wake) => wake.outcome ?? "open" },
  { header: "because", cell: (wake) => wake.because },
];

function wakeJson(wake: WakeRecord): { [key: string]: Json } {
  return {
    id: wake.id,
    tier: wake.tier,
    machine_id: wake.machineId,
    request_id: wake.requestId,
    from_place: wake.fromPlace,
    asked_at: utcExact(wake.askedAt),
    deadline_at: utcExact(wake.deadline),
    ...Object.fromEntries(PHASES.map(([phase, at]) => [`${phase}_at`, utcExact(at(wake))])),
    ended_at: utcExact(wake.endedAt),
    outcome: wake.outcome,
    because: wake.because,
    retry_at: utcExact(wake.retryAt),
  };
}
