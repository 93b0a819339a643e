/** The whole of the status page's live part: each tier with its machines and its wake, then the wakes before. */
import type { MachineStatus, StatusSnapshot, TierStatus, WakeStatus } from "../status_snapshot.ts";
import { wakeTookMs } from "../status_snapshot.ts";
import { lastingText, spanText, utcText } from "../shown_time.ts";
import { timeline, WAKE_STEPS } from "../wake_timeline.ts";
import { Scroll } from "./Scroll.tsx";
import { StateBadge } from "./StateBadge.tsx";
import { TypicalWake, WakeTimeline } from "./WakeTimeline.tsx";

export type StatusBoardProps = {
  readonly snapshot: StatusSnapshot;
  /** The time to count to, Unix milliseconds. */
  readonly nowMs: number;
};

export function StatusBoard({ snapshot, nowMs }: StatusBoardProps) {
  return (
    <>
      <section aria-labelledby="lineup" class="tiers">
        <h2 id="lineup">The lineup, first choice first</h2>
        {snapshot.tiers.map((tier, i) => (
          <TierCard key={tier.name} tier={tier} place={i + 1} nowMs={nowMs} />
        ))}
      </section>
      <section aria-labelledby="recent">
        <h2 id="recent">Recent wakes</h2>
        <RecentWakes wakes={snapshot.recent} nowMs={nowMs} />
      </section>
    </>
  );
}

function TierCard({ tier, place, nowMs }: { tier: TierStatus; place: number; nowMs: number }) {
  return (
    <article class="tier" data-tier={tier.name} aria-labelledby={`tier-${tier.name}`}>
      <header class="tier-head">
        <span class="tier-place" aria-hidden="true">{place}</span>
        <h3 id={`tier-${tier.name}`}>{tier.name}</h3>
        <span class={`tag band ${tier.band}`}>{tier.band}</span>
        {tier.gpu === "" ? null : <span class="quiet small">{tier.gpu}</span>}
      </header>
      <ul class="machines">
        {tier.machines.map((machine) => (
          <MachineRow key={machine.name} machine={machine} nowMs={nowMs} />
        ))}
        {tier.machines.length === 0 ? <li class="quiet">No machine yet.</li> : null}
      </ul>
      <div class="tier-wake">
        <WakeNow tier={tier} nowMs={nowMs} />
      </div>
    </article>
  );
}

function MachineRow({ machine, nowMs }: { machine: MachineStatus; nowMs: number }) {
  const { name, place, state, sinceMs, retryAtMs } = machine;
  return (
    <li class="machine">
      <span class="machine-name">{name}</span>
      <StateBadge state={state} />
      <span class="quiet small">
        <code>{place}</code> for {lastingText(nowMs - sinceMs)}
        {retryAtMs === null ? "" : `, tried again after ${utcText(retryAtMs)} UTC`}
      </span>
    </li>
  );
}

/** The wake that runs; else what one usually takes; else the last one. */
function WakeNow({ tier, nowMs }: { tier: TierStatus; nowMs: number }) {
  const { wake, steps, eta } = tier;
  if (wake?.isOpen) {
    return (
      <>
        <p>
          <strong>Waking for {lastingText(nowMs - wake.askedAtMs)}.</strong> {etaText(eta)}
          {tier.waiting === 0 ? "" : ` ${countText(tier.waiting, "request")} held here.`}
        </p>
        <WakeTimeline
          wake={wake}
          steps={steps}
          expectedMs={eta === null ? null : eta.p95S * 1_000}
          nowMs={nowMs}
        />
      </>
    );
  }
  if (wake === null) {
    return (
      <p class="quiet">
        Wake times: no data yet. No wake of this tier has been recorded; the first one fills this.
      </p>
    );
  }
  return (
    <>
      <p>
        Last wake {utcText(wake.askedAtMs)} UTC, {outcomeText(wake)}. {etaText(eta)}
      </p>
      {wake.outcome === "served"
        ? (
          <WakeTimeline
            wake={wake}
            steps={steps}
            expectedMs={eta === null ? null : eta.p95S * 1_000}
            nowMs={nowMs}
          />
        )
        : <TypicalWake steps={steps} />}
    </>
  );
}

function etaText(eta: TierStatus["eta"]): string {
  if (eta === null) return "How long a wake takes: no data yet.";
  const of = countText(eta.samples, "wake");
  return `A wake to a healthy engine takes ${spanText(eta.p50S * 1_000)} at the median, ${
    spanText(eta.p95S * 1_000)
  } at p95 (${of}, at most 30 days back).`;
}

function RecentWakes({ wakes, nowMs }: { wakes: readonly WakeStatus[]; nowMs: number }) {
  if (wakes.length === 0) {
    return <p class="quiet">No data yet: no machine has been woken on this deployment.</p>;
  }
  return (
    <Scroll label="Table of recent wakes">
      <table class="wakes">
        <caption>
          The last{" "}
          {wakes.length}, from the wakes table. Each step is counted from the one before; the whole
          is from the ask to a healthy engine.
        </caption>
        <thead>
          <tr>
            <th scope="col">Asked (UTC)</th>
            <th scope="col">Tier</th>
            <th scope="col">From</th>
            {WAKE_STEPS.map(({ step, label }) => (
              <th key={step} scope="col" class="number">{label}</th>
            ))}
            <th scope="col" class="number">Whole</th>
            <th scope="col">Outcome</th>
          </tr>
        </thead>
        <tbody>
          {wakes.map((wake) => (
            <tr key={wake.id}>
              <th scope="row">
                <time dateTime={new Date(wake.askedAtMs).toISOString()}>
                  {utcText(wake.askedAtMs)}
                </time>
              </th>
              <td>{wake.tier}</td>
              <td>
                <code>{wake.from}</code>
              </td>
              {timeline(wake, nowMs - wake.askedAtMs).map(({ step, state, tookMs }) => (
                <td key={step} class="number">{state === "done" ? spanText(tookMs) : "–"}</td>
              ))}
              <td class="number">{wholeText(wake)}</td>
              <td>
                <span class={`outcome ${wake.outcome ?? "open"}`}>{wake.outcome ?? "open"}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function wholeText(wake: WakeStatus): string {
  const tookMs = wake.outcome === "served" ? wakeTookMs(wake) : null;
  return tookMs === null ? "–" : spanText(tookMs);
}

function outcomeText(wake: WakeStatus): string {
  const tookMs = wakeTookMs(wake);
  if (wake.outcome === "served" && tookMs !== null) return `served after ${spanText(tookMs)}`;
  return wake.outcome ?? "open";
}

const countText = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
