/** A wake by its steps: one line in proportion, and each step with its time. Drawn alike on the server and in the browser. */
import type { TierStatus, WakeStatus } from "../status_snapshot.ts";
import { spanText } from "../shown_time.ts";
import { type Bar, bars, type StepShown, timeline, WAKE_STEPS } from "../wake_timeline.ts";

export type WakeTimelineProps = {
  readonly wake: WakeStatus;
  readonly steps: TierStatus["steps"];
  /** What nearly all wakes of the tier took; null without history. */
  readonly expectedMs: number | null;
  readonly nowMs: number;
};

const LINE_LENGTH = 1_000;
const LINE_HEIGHT = 12;

/** A wake that runs or ran. */
export function WakeTimeline({ wake, steps, expectedMs, nowMs }: WakeTimelineProps) {
  const shown = timeline(wake, nowMs - wake.askedAtMs);
  return (
    <div class="wake">
      <StepLine
        bars={bars(shown, wake.isOpen ? expectedMs ?? 0 : 0)}
        running={shown.find(({ state }) => state === "running")}
      />
      <ol class="wake-steps">
        {shown.map((step) => (
          <li key={step.step} class={`wake-step ${step.step} ${step.state}`}>
            <span class="name">{step.label}</span>
            <span class="time">{timeText(step)}</span>
            <span class="about">{typicalText(steps[step.step])}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** What a wake of the tier is made of, by the medians of its history. */
export function TypicalWake({ steps }: { steps: TierStatus["steps"] }) {
  const known = WAKE_STEPS.map(({ step, label }) => ({ step, label, times: steps[step] }));
  const medians = known.map(({ step, times }) => ({ step, tookMs: (times?.p50S ?? 0) * 1_000 }));
  return (
    <div class="wake">
      <StepLine bars={bars(medians)} running={undefined} />
      <ol class="wake-steps">
        {known.map(({ step, label, times }) => (
          <li key={step} class={`wake-step ${step} done`}>
            <span class="name">{label}</span>
            <span class="time">{times === undefined ? "–" : spanText(times.p50S * 1_000)}</span>
            <span class="about">
              {times === undefined ? "no data yet" : `p95 ${spanText(times.p95S * 1_000)}`}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function StepLine({ bars, running }: { bars: readonly Bar[]; running: StepShown | undefined }) {
  return (
    <svg
      class="wake-line"
      viewBox={`0 0 ${LINE_LENGTH} ${LINE_HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <rect class="ground" width={LINE_LENGTH} height={LINE_HEIGHT} />
      {bars.map(({ step, fromPart, part }) => (
        <rect
          key={step}
          class={`${step}${step === running?.step ? " running" : ""}`}
          x={(fromPart * LINE_LENGTH).toFixed(1)}
          width={(part * LINE_LENGTH).toFixed(1)}
          height={LINE_HEIGHT}
        />
      ))}
    </svg>
  );
}

function timeText({ state, tookMs }: StepShown): string {
  switch (state) {
    case "done":
      return spanText(tookMs);
    case "running":
      return `${spanText(tookMs)} …`;
    case "unseen":
      return "not seen";
    case "ahead":
      return "–";
  }
}

function typicalText(times: TierStatus["steps"]["boot"]): string {
  return times === undefined ? "no history yet" : `usually ${spanText(times.p50S * 1_000)}`;
}
