/** One running gateway: everything composed, started in order and stopped in order. */
import { hostname } from "node:os";
import { join } from "node:path";
import { Cancel } from "@/lib/kernel/cancel.ts";
import { type Clock, type Instant, instant, millis } from "@/lib/kernel/clock.ts";
import type { Config } from "@/lib/kernel/config.ts";
import { type DatabaseTarget, databaseTargetOf, openDatabase } from "@/lib/kernel/database.ts";
import { openDoorbell } from "@/lib/kernel/doorbell.ts";
import { startEmbedded } from "@/lib/kernel/embedded_postgres.ts";
import { openEvents } from "@/lib/kernel/events.ts";
import { newId } from "@/lib/kernel/ids.ts";
import type { Log } from "@/lib/kernel/log.ts";
import { createMetrics } from "@/lib/kernel/metrics.ts";
import { migrate } from "@/lib/kernel/migrations.ts";
import { answerOps } from "@/lib/kernel/ops_endpoints.ts";
import { quickClock } from "@/lib/kernel/quick_clock.ts";
import { openSockets } from "@/lib/kernel/sockets/sockets.ts";
import { createShutdown, type Shutdown } from "@/lib/kernel/shutdown.ts";
import { findKeyByHash } from "@/lib/accounts/api_keys_store.ts";
import { KeyCache } from "@/lib/accounts/key_cache.ts";
import { RateLimiter } from "@/lib/accounts/rate_limit.ts";
import { createHttpUpstream } from "@/lib/engine/upstream_default.ts";
import { createEngine } from "@/lib/engine/vllm.ts";
import { lineupInForceSince, readDeploymentId } from "@/lib/fleet/deployment_store.ts";
import { ensureMachines } from "@/lib/fleet/ensure_machines.ts";
import { createFleetView } from "@/lib/fleet/fleet_view.ts";
import { createKeeper } from "@/lib/fleet/keeper.ts";
import { lineupOf } from "@/lib/fleet/lineup.ts";
import { policies } from "@/lib/fleet/policy.ts";
import { startHeartbeat } from "@/lib/fleet/replicas_store.ts";
import { createMachineStore } from "@/lib/fleet/sql_machine_store.ts";
import { askWake, stampFirstToken } from "@/lib/fleet/wakes_store.ts";
import type { ApiDeps } from "@/lib/gateway/api.ts";
import { HeldRequests } from "@/lib/gateway/held_requests.ts";
import { MachineLoads } from "@/lib/gateway/machine_loads.ts";
import { StallWatch } from "@/lib/gateway/stall_watch.ts";
import { WakeDesk } from "@/lib/gateway/wake_desk.ts";
import { ensurePrices } from "@/lib/ledger/prices_store.ts";
import { openUsageDatabase } from "@/lib/ledger/usage_database.ts";
import { createUsageLedger } from "@/lib/ledger/usage_ledger.ts";
import { checkLineup } from "@/lib/providers/check_lineup.ts";
import { engineKey, openProviders } from "@/lib/providers/providers.ts";
import { denoTicker, startCron, type Ticker } from "@/workers/cron.ts";
import { machineSubject, startQueue } from "@/workers/queue.ts";
import { pokeAskedWakes } from "./asked_wakes.ts";
import { openBilling } from "./billing.ts";
import { ensureDemoKey } from "./demo_key.ts";
import { housekeeping } from "./housekeeping.ts";
import { keeperMetrics, wakeObserver } from "./keeper_metrics.ts";
import { listen } from "./listen.ts";
import { reconciling } from "./reconciling.ts";
import { restMachines } from "./rest_machines.ts";
import { openSite } from "./site.ts";
import { siteState } from "./site_state.ts";

export const VERSION = "0.1.0";

export type ReplicaOptions = {
  readonly config: Config;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** A server that runs already, instead of the configured or embedded one; its owner stops it. */
  readonly database?: DatabaseTarget;
  /** Who ticks the minutes; tests tick by hand. */
  readonly ticker?: Ticker;
  /** Other processes listen on the same port. */
  readonly sharesPort?: boolean;
};

export type Replica = {
  readonly id: string;
  readonly url: string;
  /** The demo's key, at the one start that may show it. */
  readonly demoKey: string | null;
  /** Draws a page without the network. */
  readonly site: (request: Request) => Promise<Response>;
  readonly shutdown: Shutdown;
};

const MIGRATIONS = new URL("../migrations/", import.meta.url);
const BYTES_PER_MB = 1_000_000;
/** After the streams' grace there is this long to tell clients, write rows and let go. */
const CLOSE_LIMIT = millis(15_000);

/** Starts one replica. Throws when it cannot serve; what it had started by then is stopped again. */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { config, log, clock = quickClock() } = options;
  const graceMs = config.fleet.gateway.shutdown_grace;
  const shutdown = createShutdown({ log, clock, graceMs: CLOSE_LIMIT });
  const undo: (() => Promise<void>)[] = [];
  try {
    return await compose(options, shutdown, clock, graceMs, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => {});
    throw error;
  }
}

async function compose(
  { config, log, env, database, ticker = denoTicker, sharesPort = false }: ReplicaOptions,
  shutdown: Shutdown,
  clock: Clock,
  graceMs: number,
  undo: (() => Promise<void>)[],
): Promise<Replica> {
  const { fleet } = config;
  const id = newId("rep", clock.now());
  const metrics = createMetrics();

  const named = database ?? databaseTargetOf(config);
  const embedded = named === null ? await startEmbedded(config.dataDir) : null;
  if (embedded !== null) undo.push(() => embedded.stop());
  const target = embedded?.target ?? named;
  if (target === null) throw new Error("unreachable: a database is either named or embedded");
  const sql = openDatabase(target, { applicationName: `emberlane ${id}` });
  undo.push(() => sql.end({ timeout: 1 }));
  const { applied } = await migrate(sql, MIGRATIONS);
  if (applied.length > 0) log.info("migrated", { migrations: applied.join(" ") });

  const deploymentId = await readDeploymentId(sql);
  const { providers, local, close: closeProviders } = await openProviders({
    ...{ fleet, deploymentId, env, clock, log, sql },
    dataDir: config.dataDir,
  });
  undo.push(closeProviders);
  await checkLineup(providers, fleet, log);
  await ensureMachines(sql, { lineup: fleet.lineup, providers, now: clock.now() });
  await ensurePrices(sql, fleet, clock.now());
  const events = await openEvents(target, log);
  undo.push(() => events.close());
  const view = await createFleetView({ sql, events, clock, log });
  undo.push(() => view.close());
  const doorbell = await openDoorbell({
    path: join(config.dataDir, "doorbell", `${id}.kv`),
    log,
    clock,
  });
  undo.push(() => doorbell.close());
  const heartbeat = await startHeartbeat({ sql, clock, log }, {
    id,
    host: hostname(),
    pid: Deno.pid,
    version: VERSION,
  });
  undo.push(() => heartbeat.stop());

  const engine = createEngine({ log });
  const policyOf = policies(fleet.lineup, providers);
  const keeperDeps = {
    clock,
    store: createMachineStore(sql, id),
    providers,
    engine,
    deploymentId,
    log: log.with({ replica_id: id }),
    metrics: keeperMetrics(metrics),
    onMoved: wakeObserver({ sql, metrics, log }),
  };
  const keeper = createKeeper({ ...keeperDeps, policyOf });
  const poke = (machineId: string) => doorbell.ring(machineSubject(machineId));
  const lookAtEveryMachine = async () => {
    for (const { machineId, againIn } of await keeper.lookAll()) {
      doorbell.ring(machineSubject(machineId), againIn);
    }
  };
  const sockets = openSockets(fleet.gateway.sockets, log);
  undo.push(() => sockets.close());
  const applicationName = `emberlane ${id} usage`;
  const rows = openUsageDatabase(target, { applicationName, log, sockets });
  undo.push(rows.end);
  const ledger = createUsageLedger({ sql: rows.sql, write: rows.write, clock, log, metrics });
  undo.push(() => Promise.resolve(ledger.stop()));
  await ledger.warmUp();
  const desks = { sql, clock, log, metrics, signal: shutdown.stopping };
  const house = await housekeeping({ ...desks, view });
  const billing = await openBilling({ ...desks, providers, fleet, replicaId: id });
  const reconciler = reconciling({ ...desks, providers, deploymentId, replicaId: id, poke });
  startQueue({ doorbell, log, clock, look: keeper.look });
  startCron({
    ...desks,
    replicaId: id,
    ticker,
    lookAtEveryMachine,
    ...{ sweep: house.sweep, rollUp: house.rollUp },
    ...{ bill: billing.bill, closeDays: billing.closeDays },
    reconcile: reconciler.round,
  });

  const upstream = createHttpUpstream({ clock, sockets });
  const keys = new KeyCache({ findKey: (hash) => findKeyByHash(sql, hash), events, clock, log });
  const overdue = new Cancel();
  const pokeAsked = pokeAskedWakes({ events, view, poke });
  const desk = new WakeDesk({
    clock,
    log,
    wakeFor: fleet.gateway.wake_cap,
    ask: (wake) => askWake(sql, wake, clock.now()),
    readyIn: (tier) => view.ready(tier).length,
    refresh: () => view.refresh(),
    poke,
  });
  const upstreamKeys = new Map(
    fleet.lineup.map((tier) => [tier.name, engineKey(tier, env)]),
  );
  const api: ApiDeps = {
    clock,
    log,
    metrics,
    ledger,
    upstream,
    keys,
    lineup: lineupOf(fleet),
    lineupSince: instant((await lineupInForceSince(sql)).getTime()) as Instant,
    fleet: view,
    loads: new MachineLoads(clock),
    held: new HeldRequests((tier, held) => metrics.heldRequests.set({ tier }, held)),
    stalls: new StallWatch(clock),
    limiter: new RateLimiter(),
    liveReplicas: house.liveReplicas,
    prices: house.prices,
    ...{ replicaId: id, demo: fleet.site.demo },
    wakeCap: fleet.gateway.wake_cap,
    heartbeatEvery: fleet.gateway.heartbeat,
    bodyBytesMax: fleet.gateway.body_max_mb * BYTES_PER_MB,
    attemptsMax: fleet.gateway.attempts,
    closedTier: billing.closedTier,
    askWake: billing.guarded(desk.ask),
    askMore: desk.askMore,
    poke,
    upstreamKey: (tier) => upstreamKeys.get(tier) ?? null,
    firstTokenAfterWake: (wakeId) => {
      stampFirstToken(sql, wakeId, clock.now()).catch((error) =>
        log.warn("first_token_not_stamped", { error })
      );
    },
    stopping: overdue,
  };
  const ops = { sql, metrics, metricsToken: config.metricsToken, stopping: shutdown.stopping };
  const site = await openSite({
    state: () =>
      siteState({ file: fleet, version: VERSION, api, view, sql, signal: shutdown.stopping }),
    ...{ demo: fleet.site.demo, dev: env["DEV"] === "1", log, signal: shutdown.stopping },
  });

  const server = await listen({
    api,
    front: fleet.gateway.front,
    hostname: config.host,
    port: config.port,
    sharesPort,
    sockets,
    answer: async (request, path) =>
      await answerOps(ops, request, path) ?? await site.answer(request),
  });
  const { url } = server;

  shutdown.onStop("finish requests", async (signal) => {
    signal.addEventListener("abort", () => overdue.abort(new Error("The gateway stops")));
    await server.shutdown();
  }, millis(graceMs));
  shutdown.onStop("tell those that still run", async () => {
    overdue.abort(new Error("The gateway stops"));
    await server.finished;
  });
  shutdown.onStop("write usage rows", async (signal) => {
    ledger.stop();
    await ledger.settle(signal);
  });
  shutdown.onStop("look at no machine any more", () => doorbell.close());
  if (fleet.providers.local.on_shutdown === "stop") {
    shutdown.onStop("stop local machines", async (signal) => {
      await heartbeat.stop(); // of two replicas that leave together, neither may count on the other
      await restMachines({ ...keeperDeps, sql, local, policyOf, replicaId: id }, signal);
    });
  }
  shutdown.onStop("let go", async () => {
    pokeAsked();
    keys.close();
    upstream.close();
    api.stalls.close();
    await Promise.allSettled([heartbeat.stop(), view.close(), closeProviders()]);
    await events.close();
    await Promise.all([sql.end({ timeout: 5 }), rows.end()]);
    await sockets.close();
    await embedded?.stop();
  });
  // Beside serving: a provider or an engine that does not answer holds up no start.
  for (const machineId of await keeperDeps.store.due(clock.now())) poke(machineId);
  reconciler.begin();
  site.begin();
  return {
    id,
    url,
    demoKey: await ensureDemoKey(sql, config, clock.now()),
    site: site.answer,
    shutdown,
  };
}
