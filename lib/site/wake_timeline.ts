/** A wake's steps, each with how long it took or takes. Pure; the browser counts with it too. */
import type { WakeStep } from "@/lib/fleet/recent_wakes.ts";

/** The steps in order, with what happens in each. */
export const WAKE_STEPS: readonly { step: WakeStep; label: string; about: string }[] = [
  {
    step: "ask",
    label: "Ask",
    about:
      "From the first request until the provider is asked. A computer that is just being stopped must rest first.",
  },
  {
    step: "power",
    label: "Restore",
    about: "Until the computer has power: a restore, or a new rental.",
  },
  {
    step: "address",
    label: "Address",
    about: "Until it is known where it answers: a restored computer may come back elsewhere.",
  },
  {
    step: "boot",
    label: "Boot",
    about:
      "Until its port answers. An engine that listens only once it is loaded has its loading here.",
  },
  {
    step: "load",
    label: "Load",
    about:
      "From the open port until the engine says it is healthy: weights and compilation, if they come after.",
  },
  {
    step: "firstToken",
    label: "First token",
    about: "Until a client had the first token of an answer.",
  },
];

export type StepShown = {
  readonly step: WakeStep;
  readonly label: string;
  readonly about: string;
  /** `unseen`: over, but nobody looked in between; its time is in the step after. */
  readonly state: "done" | "running" | "ahead" | "unseen";
  readonly tookMs: number;
};

export type WakeMarks = {
  /** Milliseconds after the ask at which each step ended, in order; null: not seen. */
  readonly marksMs: readonly (number | null)[];
  readonly isOpen: boolean;
};

/** What each step took; the one that runs is counted until `elapsedMs` after the ask. */
export function timeline({ marksMs, isOpen }: WakeMarks, elapsedMs: number): StepShown[] {
  const lastSeen = marksMs.findLastIndex((mark) => mark !== null);
  let fromMs = 0;
  return WAKE_STEPS.map((step, i): StepShown => {
    const endMs = marksMs[i] ?? null;
    if (endMs !== null) {
      const tookMs = Math.max(0, endMs - fromMs);
      fromMs = Math.max(fromMs, endMs);
      return { ...step, state: "done", tookMs };
    }
    if (i < lastSeen) return { ...step, state: "unseen", tookMs: 0 };
    if (i === lastSeen + 1 && isOpen) {
      return { ...step, state: "running", tookMs: Math.max(0, elapsedMs - fromMs) };
    }
    return { ...step, state: "ahead", tookMs: 0 };
  });
}

export type Bar = { readonly step: WakeStep; readonly fromPart: number; readonly part: number };

/** A step shorter than this part of the line would not be seen. */
const PART_MIN = 0.02;

/**
 * Where each step stands on one line of length 1, in proportion to its time. `expectedMs`: the whole line stands for
 * at least this long, so that a wake that runs has room ahead.
 */
export function bars(
  steps: readonly { step: WakeStep; tookMs: number }[],
  expectedMs = 0,
): Bar[] {
  const shown = steps.filter((step) => step.tookMs > 0);
  const wholeMs = Math.max(expectedMs, shown.reduce((sum, { tookMs }) => sum + tookMs, 0));
  const parts = shown.map(({ tookMs }) => Math.max(PART_MIN, tookMs / wholeMs));
  const tooLong = Math.max(1, parts.reduce((sum, part) => sum + part, 0));
  let fromPart = 0;
  return shown.map(({ step }, i) => {
    const bar = { step, fromPart, part: (parts[i] ?? 0) / tooLong };
    fromPart += bar.part;
    return bar;
  });
}
