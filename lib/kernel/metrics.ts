/** What `/metrics` says, in Prometheus's text format: every metric of the gateway, named and typed in one place. */
import { CONTENT_TYPE, Counter, exposition, Gauge, Histogram } from "./tallies.ts";

export type Metrics = ReturnType<typeof createMetrics>;

const PREFIX = "emberlane_";
/** Our own share of a request: well under a millisecond when all is well. */
const OVERHEAD_BUCKETS_S = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.5,
  1,
];
/** Time to first token, from a warm small model to one that had to be woken. */
const TTFT_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** From a napping engine to a machine that is created and loads from a cold disk. */
const WAKE_BUCKETS_S = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 180, 300, 480, 600, 900, 1200];
const FLUSH_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** A fresh set of metrics of its own; two gateways in one process do not share counts. */
export function createMetrics() {
  const families: { text(): string }[] = [];
  const kept = <Family extends { text(): string }>(family: Family): Family => {
    families.push(family);
    return family;
  };

  const counter = <const Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ) => kept(new Counter<Label>({ name: PREFIX + name, help, labelNames }));
  const gauge = <const Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ) => kept(new Gauge<Label>({ name: PREFIX + name, help, labelNames }));
  const histogram = <const Label extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly Label[] = [],
  ) => kept(new Histogram<Label>({ name: PREFIX + name, help, labelNames, buckets }));

  const billingSnapshotAgeSeconds = gauge(
    "billing_snapshot_age_seconds",
    "Age of the newest billing snapshot; absent while there is none",
  );
  billingSnapshotAgeSeconds.remove(); // a gauge starts at 0, which would be a claim

  return {
    requestsTotal: counter(
      "requests_total",
      "Requests answered, by route, HTTP status and the tier that served",
      ["route", "status", "tier"],
    ),
    requestOverheadSeconds: histogram(
      "request_overhead_seconds",
      "Time the gateway itself adds to a request",
      OVERHEAD_BUCKETS_S,
    ),
    ttftSeconds: histogram(
      "ttft_seconds",
      "From receiving a request to the first token sent",
      TTFT_BUCKETS_S,
      ["tier"],
    ),
    wakeSeconds: histogram("wake_seconds", "Length of each phase of a wake", WAKE_BUCKETS_S, [
      "tier",
      "phase",
    ]),
    wakesTotal: counter("wakes_total", "Wakes ended, by outcome", ["tier", "outcome"]),
    heldRequests: gauge("held_requests", "Requests that wait for a machine", ["tier"]),
    openStreams: gauge("open_streams", "Responses being streamed now"),
    usageRowsUnsettled: gauge("usage_rows_unsettled", "Usage rows waiting to be written"),
    usageFlushSeconds: histogram(
      "usage_flush_seconds",
      "Length of one write of usage rows",
      FLUSH_BUCKETS_S,
    ),
    usageRowsLostCloseTotal: counter(
      "usage_rows_lost_close_total",
      "Usage rows whose closing could not be written; a sweep closes them from their last checkpoint",
    ),
    upstreamAttemptsTotal: counter(
      "upstream_attempts_total",
      "Requests sent upstream, by outcome",
      [
        "tier",
        "outcome",
      ],
    ),
    machines: gauge("machines", "Machines by place", ["tier", "place"]),
    machinesLeftAlone: gauge(
      "machines_left_alone",
      "Machines that may not be asked for until a while has passed, by reason",
      ["tier", "reason"],
    ),
    providerRefusalsTotal: counter(
      "provider_refusals_total",
      "Effects on machines that their provider refused or lost, by class",
      ["tier", "class"],
    ),
    orphans: gauge("orphans", "Machines with our tag at a provider that no row of ours names"),
    keeperLooksTotal: counter("keeper_looks_total", "Looks of the keeper, by outcome", ["outcome"]),
    clientAbortsTotal: counter("client_aborts_total", "Requests whose client left early"),
    tokensTotal: counter("tokens_total", "Tokens counted, by model and kind", ["model", "kind"]),
    billingSnapshotAgeSeconds,
    budgetGateClosed: gauge(
      "budget_gate_closed",
      "1 while a provider's machines may not be asked for more",
      ["provider"],
    ),
    replicas: gauge("replicas", "Replicas whose heartbeat is fresh"),
    /** The exposition text. Its content type is `contentType`. */
    text: () => exposition(families),
    contentType: CONTENT_TYPE,
  };
}
