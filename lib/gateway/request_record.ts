/** Everything that is written down about one request, and the one place where it ends: row, metrics, limits, log. */
import type { Clock } from "@/lib/kernel/clock.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { Metrics } from "@/lib/kernel/metrics.ts";
import type { UsageLedger } from "@/lib/ledger/usage_ledger.ts";
import type {
  UsageCounts,
  UsageEnd,
  UsagePlacement,
  UsageRequest,
} from "@/lib/ledger/usage_store.ts";
import { chargeOf, type CurrentPrices, type Price, priceOf } from "@/lib/ledger/price.ts";
import type { Acquired } from "./acquire.ts";
import type { MachineLoads } from "./machine_loads.ts";
import type { MeteredUsage } from "./stream_meter.ts";

export type RecordDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly ledger: UsageLedger;
  readonly loads: MachineLoads;
  readonly prices: () => CurrentPrices;
  /** Notes the first token after a wake. */
  readonly firstTokenAfterWake: (wakeId: string) => void;
};

const NO_USAGE: MeteredUsage = {
  promptTokens: 0,
  completionTokens: 0,
  cachedTokens: 0,
  from: "none",
};

/** Field by field: spreading one behind the other costs ten times as much. */
function openedRow(
  { id, openedAt, requestId, accountId, keyId, replicaId, route, modelAsked, stream, admitMs }:
    UsageRequest,
  { model, tier, band, machineId, wakeId, waitMs, attempts, priceId }: UsagePlacement,
): UsageRequest & UsagePlacement {
  return {
    id,
    openedAt,
    requestId,
    accountId,
    keyId,
    replicaId,
    route,
    modelAsked,
    stream,
    admitMs,
    model,
    tier,
    band,
    machineId,
    wakeId,
    waitMs,
    attempts,
    priceId,
  };
}

/** How a request ended, as its row will say. */
export type Ending = {
  readonly ended: UsageEnd;
  readonly status: number;
  readonly errorCode?: string | null;
  readonly finishReason?: string | null;
  readonly error?: Error | undefined;
};

export class RequestRecord {
  readonly request: UsageRequest;
  readonly #deps: RecordDeps;
  readonly #settleTokens: (usedTokens: number) => void;
  readonly #startedMs: number;
  /** The catalogue model it would be served as, until a machine is chosen. */
  readonly #modelWanted: string;
  #placement: UsagePlacement | null = null;
  /** In force when the row was opened; a later change does not touch it. */
  #price: Price | null = null;
  #usage: MeteredUsage = NO_USAGE;
  #rowOpen = false;
  #leave: () => void = () => {};
  #untrack: () => void = () => {};
  #ttftMs: number | null = null;
  #upstreamStartedMs = 0;
  #waitMs = 0;
  #waitedFor: { wakeId: string; tier: string } | null = null;
  #ended = false;

  /**
   * `settleTokens` charges the key's tokens once they are known. `startedMs` is on the elapsed clock: when the request
   * arrived.
   */
  constructor(
    deps: RecordDeps,
    settleTokens: (usedTokens: number) => void,
    request: UsageRequest,
    startedMs: number,
    modelWanted: string,
  ) {
    this.#deps = deps;
    this.#settleTokens = settleTokens;
    this.request = request;
    this.#startedMs = startedMs;
    this.#modelWanted = modelWanted;
  }

  get attempts(): number {
    return this.#placement?.attempts ?? 0;
  }

  get waitMs(): number {
    return this.#waitMs;
  }

  /** From sending upstream until now, or until the first token. */
  get upstreamMs(): number {
    return this.#ttftMs === null
      ? this.#deps.clock.elapsedMs() - this.#upstreamStartedMs
      : this.#ttftMs;
  }

  addWait(ms: number): void {
    this.#waitMs += ms;
  }

  waitsFor(wakeId: string, tier: string): void {
    this.#waitedFor = { wakeId, tier };
  }

  /** Puts the request on a machine: opens its row there (or moves it), resolving to whether the machine takes it. */
  place({ target, machine, wakeId }: Acquired): Promise<boolean> {
    const { tier, model } = target;
    this.#price = priceOf(this.#deps.prices(), model.id, tier.band);
    const placement: UsagePlacement = {
      model: model.id,
      tier: tier.name,
      band: tier.band,
      machineId: machine.id,
      wakeId,
      waitMs: this.#waitMs,
      attempts: this.attempts + 1,
      priceId: this.#price?.id ?? null,
    };
    this.#placement = placement;
    this.#leave();
    this.#leave = this.#deps.loads.enter(machine.id);
    this.#upstreamStartedMs = this.#deps.clock.elapsedMs();
    return this.#deps.ledger.open(openedRow(this.request, placement)).then(this.#onOpened);
  }

  #onOpened = (opened: boolean): boolean => {
    this.#rowOpen ||= opened;
    return opened;
  };

  /** Takes the row off its machine before the request looks for another. */
  async unplace(): Promise<void> {
    this.#leave();
    if (this.#rowOpen) await this.#deps.ledger.park(this.request);
  }

  /** The answer began: `usage` is read at every checkpoint from now on. */
  began(usage: MeteredUsage): void {
    const { clock, ledger, metrics } = this.#deps;
    const nowMs = clock.elapsedMs();
    this.#usage = usage;
    this.#ttftMs = nowMs - this.#upstreamStartedMs;
    metrics.requestOverheadSeconds.observe(this.request.admitMs / 1_000);
    metrics.ttftSeconds.observe(
      { tier: this.#placement?.tier ?? "" },
      (nowMs - this.#startedMs) / 1_000,
    );
    if (this.request.stream) this.#untrack = ledger.track(this.request, () => this.#counts());
    if (this.#placement?.wakeId) this.#deps.firstTokenAfterWake(this.#placement.wakeId);
  }

  /** Ends the request. Only the first call counts. */
  end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leave();
    this.#untrack();
    const totalMs = this.#deps.clock.elapsedMs() - this.#startedMs;
    this.#closeRow(ending, totalMs);
    const { promptTokens, completionTokens } = this.#usage;
    this.#settleTokens(promptTokens + completionTokens);
    this.#count(ending);
    this.#write(ending, totalMs);
  }

  #closeRow(ending: Ending, totalMs: number): void {
    const { ledger } = this.#deps;
    const errorCode = ending.errorCode ?? null;
    if (!this.#rowOpen) {
      return ledger.refuse({
        ...this.request,
        model: this.#placement?.model ?? this.#modelWanted,
        tier: this.#placement?.tier ?? this.#waitedFor?.tier ?? null,
        wakeId: this.#waitedFor?.wakeId ?? null,
        waitMs: this.#waitMs,
        status: ending.status,
        errorCode: errorCode ?? ending.ended,
      });
    }
    const { costNanoUsd } = chargeOf(this.#price, this.#usage);
    ledger.close({
      ...this.#counts(),
      id: this.request.id,
      openedAt: this.request.openedAt,
      status: ending.status,
      ended: ending.ended,
      finishReason: ending.finishReason ?? null,
      errorCode,
      ttftMs: this.#ttftMs,
      totalMs,
      costNanoUsd,
    });
  }

  #counts(): UsageCounts {
    const { promptTokens, completionTokens, cachedTokens, from } = this.#usage;
    return { promptTokens, completionTokens, cachedTokens, tokensFrom: from };
  }

  #count({ status, ended }: Ending): void {
    const { metrics } = this.#deps;
    const tier = this.#placement?.tier ?? "";
    metrics.requestsTotal.inc({ route: this.request.route, status: String(status), tier });
    if (ended === "client_left") metrics.clientAbortsTotal.inc();
    const model = this.#placement?.model;
    if (model === undefined) return;
    metrics.tokensTotal.inc({ model, kind: "prompt" }, this.#usage.promptTokens);
    metrics.tokensTotal.inc({ model, kind: "completion" }, this.#usage.completionTokens);
  }

  #write({ ended, status, errorCode, error }: Ending, totalMs: number): void {
    const { log } = this.#deps;
    const fields = {
      usage_id: this.request.id,
      request_id: this.request.requestId,
      key_id: this.request.keyId,
      route: this.request.route,
      model: this.#placement?.model ?? this.#modelWanted,
      tier: this.#placement?.tier,
      machine_id: this.#placement?.machineId,
      status,
      ended,
      error_code: errorCode ?? undefined,
      attempts: this.attempts,
      admit_ms: Math.round(this.request.admitMs),
      wait_ms: Math.round(this.#waitMs),
      ttft_ms: this.#ttftMs === null ? undefined : Math.round(this.#ttftMs),
      total_ms: Math.round(totalMs),
      prompt_tokens: this.#usage.promptTokens,
      completion_tokens: this.#usage.completionTokens,
    };
    if (error === undefined) log.info("request", fields);
    else log.warn("request", { ...fields, error });
  }
}
