/** `orphans`: computers at the providers that carry our tag and that nobody remembers; found, and ended, without a gateway. */
import type { Command } from "commander";
import { readDeploymentId } from "@/lib/fleet/deployment_store.ts";
import { orphanJournal } from "@/lib/fleet/orphan_journal.ts";
import { CONFIRM_AFTER, judge } from "@/lib/fleet/orphans.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import type { Provider, TaggedMachine } from "@/lib/providers/provider.ts";
import { readFleet } from "./config.ts";
import { withDatabase } from "./connect.ts";
import { endAll, type Outcome } from "./orphans_end.ts";
import {
  CliError,
  type CliIo,
  type Column,
  document,
  EXIT,
  type Format,
  type Json,
  span,
  table,
  utc,
  utcExact,
  withOutput,
} from "./output.ts";
import { withRented } from "./rented.ts";

/**
 * What the list is held against. With the database, whatever its machines do not name is an orphan. With the credentials
 * alone nobody can say: everything with a tag is shown, and ended only when a person says whose it is.
 */
type Mode =
  | { readonly kind: "database"; readonly sql: Sql; readonly deploymentId: string }
  | {
    readonly kind: "credentials";
    readonly because: string;
    readonly deploymentId: string | null;
  };

type Options = {
  deployment?: string;
  withoutDatabase?: boolean;
  execute?: boolean;
  json?: boolean;
  output: Format;
};

export type Found = {
  readonly provider: Provider;
  readonly machine: TaggedMachine;
  /** `unchecked`: there was nobody to ask. */
  readonly verdict: "ours" | "orphan" | "unchecked";
};

export function addOrphans(program: Command, io: CliIo): void {
  withOutput(program.command("orphans"))
    .description(
      "list the computers at the providers that carry a deployment's tag, held against the database when it can " +
        "be reached; needs the providers' keys, and no gateway",
    )
    .option("--execute", "end the orphans: look again a minute later, destroy, and see them gone")
    .option(
      "--without-database",
      "ask nobody which machines are in use: every machine of --deployment counts as an orphan",
    )
    .option(
      "--deployment <id>",
      "only this deployment's machines (dep_…); needs --without-database",
    )
    .option("--json", "the same as -o json")
    .action((options: Options) =>
      orphans(io, options.json === true ? { ...options, output: "json" } : options)
    );
}

async function orphans(io: CliIo, options: Options): Promise<void> {
  if (options.deployment !== undefined && options.withoutDatabase !== true) {
    throw new CliError(
      EXIT.usage,
      "Cannot choose a deployment: the database says which is ours; add --without-database to do without it",
    );
  }
  await inMode(io, options, async (mode) => {
    const fleet = await readFleet(io);
    const shared = mode.kind === "database" ? { sql: mode.sql } : {};
    await withRented(
      io,
      { fleet, what: "list the machines", ...shared },
      (providers) => listAndEnd(io, mode, providers, options),
    );
  });
}

/** Runs `use` with the database when there is a way to it, else without. */
async function inMode(
  io: CliIo,
  { withoutDatabase = false, deployment = null }: {
    withoutDatabase?: boolean;
    deployment?: string | null;
  },
  use: (mode: Mode) => Promise<void>,
): Promise<void> {
  if (withoutDatabase) {
    const because = "--without-database";
    return await use({ kind: "credentials", because, deploymentId: deployment });
  }
  let entered = false;
  try {
    await withDatabase(io, {}, async (sql) => {
      const deploymentId = await readDeploymentId(sql);
      entered = true;
      await use({ kind: "database", sql, deploymentId });
    });
  } catch (error) {
    const noWay = error instanceof CliError && error.exitCode === EXIT.unreachable;
    if (entered || !noWay) throw error;
    await use({ kind: "credentials", because: error.message, deploymentId: null });
  }
}

async function listAndEnd(
  io: CliIo,
  mode: Mode,
  providers: readonly Provider[],
  { execute = false, output }: Options,
): Promise<void> {
  const first = await find(io, mode, providers);
  if (output === "table") {
    io.err(`${said(mode)}\n\n`);
    io.out(table(first, COLUMNS));
  }
  const suspects = first.filter(({ verdict }) => verdict !== "ours");
  if (!execute || suspects.length === 0) {
    if (output === "json") io.out(document(answer(mode, first, null)));
    return;
  }
  if (mode.kind === "credentials" && mode.deploymentId === null) {
    throw new CliError(
      EXIT.usage,
      "Cannot end machines without knowing which are in use: reach the database, or add --without-database " +
        "--deployment <id> to end all of that deployment, those that serve too",
    );
  }
  const many = suspects.length === 1 ? "the machine is" : `${suspects.length} machines are`;
  io.err(`\nLooking again in ${span(CONFIRM_AFTER)}, before ${many} ended\n`);
  await io.clock.sleep(CONFIRM_AFTER, io.signal);
  if (io.signal.aborted) return;
  const seenBefore = new Set(suspects.map(keyOf));
  const second = await find(io, mode, providers);
  const confirmed = second.filter((each) => each.verdict !== "ours" && seenBefore.has(keyOf(each)));
  const journal = mode.kind === "database" ? orphanJournal(mode.sql, null) : null;
  const outcomes = await endAll(io, confirmed, journal);
  if (output === "json") io.out(document(answer(mode, second, outcomes)));
  else io.out(`\n${table(outcomes, OUTCOME_COLUMNS)}`);
  const left = outcomes.filter(({ isGone }) => !isGone).length;
  if (left > 0) {
    throw new CliError(
      EXIT.failed,
      `Cannot see ${left} of ${outcomes.length} machines gone: run it again, or end them in the provider's console`,
    );
  }
}

/** One whole list of every provider. The list is read before the table: a machine written down in between is ours. */
async function find(
  { clock, signal }: CliIo,
  mode: Mode,
  providers: readonly Provider[],
): Promise<Found[]> {
  const found: Found[] = [];
  for (const provider of providers) {
    const listed = await provider.listEvery?.(signal) ?? [];
    const shown = mode.deploymentId === null
      ? listed
      : listed.filter(({ deploymentId }) => deploymentId === mode.deploymentId);
    const known = mode.kind === "database"
      ? await orphanJournal(mode.sql, null).known(provider.name, clock.now())
      : null;
    for (const machine of shown) {
      const { creates } = provider.capabilities;
      const isOurs = known !== null &&
        judge(machine, known, { creates, suspicion: null }, clock.now()).kind === "ours";
      const verdict = known === null ? "unchecked" : isOurs ? "ours" : "orphan";
      found.push({ provider, machine, verdict });
    }
  }
  return found;
}

const keyOf = ({ provider, machine }: Found) => `${provider.name} ${machine.externalId}`;

function said(mode: Mode): string {
  if (mode.kind === "database") {
    return `Deployment ${mode.deploymentId}, held against the database`;
  }
  const whose = mode.deploymentId === null ? "Every deployment" : `Deployment ${mode.deploymentId}`;
  return `${whose}, from the providers' credentials alone (${mode.because}): nobody was asked which machines are in use`;
}

const COLUMNS: Column<Found>[] = [
  { header: "provider", cell: ({ provider }) => provider.name },
  { header: "external id", cell: ({ machine }) => machine.externalId },
  { header: "deployment", cell: ({ machine }) => machine.deploymentId },
  { header: "machine", cell: ({ machine }) => machine.machineId },
  { header: "state", cell: ({ machine }) => machine.rawState },
  { header: "created", unit: "UTC", cell: ({ machine }) => utc(machine.createdAt) },
  { header: "verdict", cell: ({ verdict }) => verdict },
];

const OUTCOME_COLUMNS: Column<Outcome>[] = [
  { header: "provider", cell: ({ found }) => found.provider.name },
  { header: "external id", cell: ({ found }) => found.machine.externalId },
  { header: "outcome", cell: ({ isGone }) => isGone ? "gone" : "still there" },
  { header: "because", cell: ({ because }) => because },
];

function answer(
  mode: Mode,
  found: readonly Found[],
  outcomes: readonly Outcome[] | null,
): { [key: string]: Json } {
  return {
    mode: mode.kind,
    because: mode.kind === "database" ? null : mode.because,
    deployment_id: mode.deploymentId,
    machines: found.map(({ provider, machine, verdict }) => ({
      provider: provider.name,
      external_id: machine.externalId,
      deployment_id: machine.deploymentId,
      machine_id: machine.machineId,
      state: machine.rawState,
      created_at: utcExact(machine.createdAt),
      verdict,
    })),
    ended: outcomes?.map(({ found, isGone, because }) => ({
      provider: found.provider.name,
      external_id: found.machine.externalId,
      gone: isGone,
      because,
    })) ?? null,
  };
}
