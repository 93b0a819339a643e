/** What must be true after the days were lived through; each finding is a sentence. */
import { instant } from "@/lib/kernel/clock.ts";
import { namedMachine } from "@/lib/providers/hyperstack/machine_name.ts";
import { readFolds, runFold } from "@/lib/ledger/folds.ts";
import { judgePublication } from "./judge_publication.ts";
import { MINUTE_MS } from "./plan.ts";
import { START_MS, type Week } from "./week.ts";

/** An orphan is seen, confirmed and ended within this. */
const STRAY_MS_MAX = 10 * MINUTE_MS;
/** The minute's look, and a step of the simulation. */
const SEEN_MS_MAX = MINUTE_MS + 5_000;
/** What the error contract says of a lane that has no machine, or whose bill cannot be seen. */
const HONEST_CODES = new Set([
  "billing_unobservable",
  "no_healthy_machine",
  "wake_timeout",
  "wake_failed",
  "queue_full",
]);

export type Verdict = {
  readonly problems: readonly string[];
  /** For the record of a run. */
  readonly facts: Readonly<Record<string, string | number>>;
};

export async function judge(week: Week): Promise<Verdict> {
  const money = await judgeMoney(week);
  const gaps = await judgeGaps(week);
  const machines = judgeMachines(week);
  const preemptions = await judgePreemptions(week);
  const requests = await judgeRequests(week);
  const publication = await judgePublication(week);
  const parts = [money, gaps, machines, preemptions, requests, publication];
  return {
    problems: parts.flatMap(({ problems }) => problems),
    facts: Object.assign({}, ...parts.map(({ facts }) => facts)),
  };
}

/** What is published is what the provider's own invoice says, to the nano-dollar, and machine by machine. */
async function judgeMoney({ database: { sql }, hyperstack, endMs }: Week): Promise<Verdict> {
  const problems: string[] = [];
  // What was billed after the last bill that could be read comes with the next one.
  const [last] = await sql<{ minute: Date }[]>`
    select max(minute) as minute from billing_snapshots where outcome = 'read'
  `;
  const toMs = (last?.minute.getTime() ?? START_MS) + 1;
  const invoice = hyperstack.control.invoice({ fromMs: 0, toMs });
  const folds = await readFolds();
  const window = { from: instant(START_MS), to: instant(endMs + MINUTE_MS) };
  const published = await runFold(sql, folds, "spend", window);
  const usd = published.reduce((sum, row) => sum + nanoOf(row.usd), 0n);
  if (usd !== invoice.totalNanoUsd) {
    problems.push(`published ${usd} nano-dollars, the invoice says ${invoice.totalNanoUsd}`);
  }
  const rows = await sql<{ resource: string; nano: string }[]>`
    select resource_id as resource, sum(nano_usd)::text as nano from spend group by resource_id
  `;
  const spent = new Map(rows.map(({ resource, nano }) => [resource, BigInt(nano)]));
  for (const { resourceId, totalNanoUsd } of invoice.lines) {
    const ours = spent.get(resourceId) ?? 0n;
    if (ours !== totalNanoUsd) {
      problems.push(`machine ${resourceId}: ${ours} spent, invoiced ${totalNanoUsd}`);
    }
  }
  const by = (use: "serving_usd" | "idle_usd" | "warm_up_usd" | "storage_usd" | "unknown_usd") =>
    dollars(published.reduce((sum, row) => sum + nanoOf(row[use]), 0n));
  return {
    problems,
    facts: {
      "invoice, USD": dollars(invoice.totalNanoUsd),
      "published, USD": dollars(usd),
      ...{ serving: by("serving_usd"), idle: by("idle_usd"), "warm-up": by("warm_up_usd") },
      ...{ storage: by("storage_usd"), unknown: by("unknown_usd") },
      "machines rented": invoice.lines.length,
    },
  };
}

/** A minute without a bill is a gap, and only outages and absences make gaps. */
async function judgeGaps({ database: { sql }, plan, down, endMs }: Week): Promise<Verdict> {
  const problems: string[] = [];
  const minutes = (endMs - START_MS) / MINUTE_MS;
  const read = new Set(
    (await sql<{ minute: Date }[]>`select minute from billing_snapshots where outcome = 'read'`)
      .map(({ minute }) => minute.getTime()),
  );
  const within = (atMs: number) => ({ fromMs, toMs }: { fromMs: number; toMs: number }) =>
    atMs >= fromMs - MINUTE_MS && atMs <= toMs + MINUTE_MS;
  let excused = 0;
  let lone = 0;
  for (let atMs = START_MS + MINUTE_MS; atMs < endMs; atMs += MINUTE_MS) {
    const isOut = plan.outages.some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs);
    if (isOut && read.has(atMs)) {
      problems.push(`a bill was read during an outage: ${new Date(atMs).toISOString()}`);
    }
    if (read.has(atMs)) continue;
    if ([...plan.outages, ...down].some(within(atMs))) excused += 1;
    else lone += 1;
  }
  // Server errors and cut answers hit one call in fifty; a minute is not asked for again.
  if (lone > minutes * 0.05) {
    problems.push(`${lone} of ${minutes} minutes have no bill, unprovoked`);
  }
  const folds = await readFolds();
  const window = { from: instant(START_MS), to: instant(endMs) };
  const [row] = await runFold(sql, folds, "billing_gaps", window);
  const firstMs = Math.min(...read);
  const readWithin = [...read].filter((atMs) => atMs < endMs).length;
  const missing = (endMs - firstMs) / MINUTE_MS - readWithin;
  if (row?.missing !== missing) {
    problems.push(`${missing} minutes have no bill, ${row?.missing} are published as gaps`);
  }
  return {
    problems,
    facts: { minutes, "minutes without a bill": missing, "of them unprovoked": lone, excused },
  };
}

/** No machine that nobody knows lasts; and no machine is two for long. */
function judgeMachines({ strays, hyperstack }: Week): Verdict {
  const problems: string[] = [];
  let longestMs = 0;
  for (const [id, { fromMs, lastMs }] of strays.strays) {
    longestMs = Math.max(longestMs, lastMs - fromMs);
    if (lastMs - fromMs > STRAY_MS_MAX) {
      problems.push(`machine ${id} was nobody's for ${(lastMs - fromMs) / MINUTE_MS} minutes`);
    }
  }
  const running = hyperstack.control.vms().filter(({ status }) =>
    !["HIBERNATED", "DELETED", "ERROR"].includes(status)
  );
  for (const { name, status } of running) problems.push(`${name} is ${status} long after the end`);
  return {
    problems,
    facts: { "machines nobody knew": strays.strays.size, "longest, s": longestMs / 1_000 },
  };
}

/** A machine whose hardware was taken is no longer served from within a minute, unless nobody could look. */
async function judgePreemptions(
  { preempted, plan, down, database: { sql } }: Week,
): Promise<Verdict> {
  const problems: string[] = [];
  let slowestMs = 0;
  for (const { atMs, name } of preempted) {
    const blind = [...plan.outages, ...down].some(({ fromMs, toMs }) =>
      atMs >= fromMs - SEEN_MS_MAX && atMs <= toMs
    );
    const machineId = namedMachine(name)?.machineId ?? "";
    const [moved] = await sql<{ at: Date }[]>`
      select at from operations
      where kind = 'move' and machine_id = ${machineId} and from_place in ('ready', 'draining')
        and to_place not in ('ready', 'draining') and at >= ${new Date(atMs)}
      order by seq limit 1
    `;
    if (moved === undefined) {
      problems.push(`${name} was taken and is served from still`);
      continue;
    }
    if (blind) continue;
    slowestMs = Math.max(slowestMs, moved.at.getTime() - atMs);
  }
  if (slowestMs > SEEN_MS_MAX) problems.push(`a machine was gone for ${slowestMs} ms unseen`);
  const facts = { preemptions: preempted.length, "seen within, s": slowestMs / 1_000 };
  return { problems, facts };
}

/** Everybody got an answer that the contract knows, most got tokens, and each that was let in has one closed row. */
async function judgeRequests({ callers, database: { sql }, plan }: Week): Promise<Verdict> {
  const problems: string[] = [];
  if (callers.waiting() > 0) problems.push(`${callers.waiting()} requests have no end`);
  const count = (kind: string) => callers.ended.filter((end) => end.kind === kind).length;
  for (const end of callers.ended) {
    if (end.kind === "refused" && !HONEST_CODES.has(end.code)) {
      problems.push(`a request was answered ${end.status} ${end.code}`);
    }
  }
  const [rows] = await sql<{ open: number; served: number; swept: number; tokens: number }[]>`
    select count(*) filter (where closed_at is null)::integer as open,
      count(*) filter (where ended = 'complete')::integer as served,
      count(*) filter (where ended = 'interrupted')::integer as swept,
      coalesce(sum(prompt_tokens + completion_tokens), 0)::integer as tokens
    from usage
  `;
  if (rows === undefined) throw new Error("unreachable: an aggregate answers one row");
  if (rows.open > 0) problems.push(`${rows.open} usage rows are open`);
  const answered = count("answered");
  // A gateway that is killed after an answer has left, and before its row is closed, leaves it to be swept.
  if (rows.served + rows.swept < answered) {
    problems.push(`${answered} were answered, there are ${rows.served} rows, ${rows.swept} swept`);
  }
  if (answered < plan.requestsMs.length / 2) {
    problems.push(`only ${answered} of ${plan.requestsMs.length} requests were answered`);
  }
  return {
    problems,
    facts: {
      ...{ requests: plan.requestsMs.length, answered, refused: count("refused") },
      ...{ cut: count("cut"), broken: count("broken"), tokens: rows.tokens },
      "rows swept": rows.swept,
    },
  };
}

/** Decimal dollars to nano-dollars, exactly. */
export function nanoOf(usd: string): bigint {
  const [whole = "0", part = ""] = usd.replace("-", "").split(".");
  const nano = BigInt(whole) * 1_000_000_000n + BigInt(part.padEnd(9, "0").slice(0, 9));
  return usd.startsWith("-") ? -nano : nano;
}

const dollars = (nano: bigint): string => (Number(nano) / 1e9).toFixed(2);
