/** Ends confirmed orphans for a person who waits: asks, looks until each is gone, and asks again what was lost. */
import { asError } from "@/lib/fleet/failure.ts";
import {
  ORPHAN_ENDING,
  ORPHAN_GONE,
  ORPHAN_OURS,
  ORPHAN_SEEN,
  type OrphanJournal,
} from "@/lib/fleet/orphan_journal.ts";
import { askAgainAfter, judge } from "@/lib/fleet/orphans.ts";
import { type Instant, later, minutes, reached, seconds } from "@/lib/kernel/clock.ts";
import type { MachineRef } from "@/lib/providers/provider.ts";
import type { CliIo } from "./output.ts";
import type { Found } from "./orphans.ts";

export type Outcome = {
  readonly found: Found;
  /** The provider said so. */
  readonly isGone: boolean;
  /** Why it was not ended, or is not known to be gone. */
  readonly because: string | null;
};

export const LOOK_EVERY = seconds(5);
const GONE_WITHIN = minutes(5);

type Ending = { found: Found; asks: number; nextAskAt: Instant; because: string };

/** Answers when all are gone, when it took too long, or when the person wants out. */
export async function endAll(
  { clock, signal }: CliIo,
  confirmed: readonly Found[],
  journal: OrphanJournal | null,
): Promise<readonly Outcome[]> {
  const now = clock.now();
  const giveUpAt = later(now, GONE_WITHIN);
  const outcomes: Outcome[] = [];
  let left = confirmed.map((found): Ending => ({ found, asks: 0, nextAskAt: now, because: "" }));
  for (const { found } of left) await journal?.note(entryFor(found, ORPHAN_SEEN), now);
  while (left.length > 0) {
    const still: Ending[] = [];
    for (const ending of left) {
      const tried = await step(ending);
      if ("isGone" in tried) outcomes.push(tried);
      else still.push(tried);
    }
    left = still;
    if (left.length === 0 || signal.aborted || reached(giveUpAt, clock.now())) break;
    await clock.sleep(LOOK_EVERY, signal);
  }
  return [
    ...outcomes,
    ...left.map(({ found, because }) => ({ found, isGone: false, because })),
  ];

  /** Asks when it is time to, then looks. */
  async function step(ending: Ending): Promise<Ending | Outcome> {
    const { found, asks, nextAskAt } = ending;
    const { provider, machine } = found;
    const ref = refOf(found);
    let next = ending;
    try {
      if (reached(nextAskAt, clock.now())) {
        // A gateway that runs may have taken it up meanwhile, and send it requests.
        const known = await journal?.known(provider.name, clock.now()) ?? [];
        const facts = { creates: provider.capabilities.creates, suspicion: null };
        if (judge(machine, known, facts, clock.now()).kind === "ours") {
          await journal?.note(entryFor(found, ORPHAN_OURS), clock.now());
          return { found, isGone: false, because: "it was taken up; it is ours" };
        }
        const nextAsks = asks + 1;
        next = {
          ...ending,
          asks: nextAsks,
          nextAskAt: later(clock.now(), askAgainAfter(nextAsks)),
        };
        await journal?.note(entryFor(found, ORPHAN_ENDING), clock.now());
        await provider.destroy(ref, { generation: Number.MAX_SAFE_INTEGER }, signal);
      }
      const { power, rawState } = await provider.status(ref, signal);
      if (power !== "gone") return { ...next, because: `it is ${rawState}` };
    } catch (error) {
      return { ...next, because: asError(error).message };
    }
    await journal?.note(entryFor(found, ORPHAN_GONE), clock.now());
    return { found, isGone: true, because: null };
  }
}

function refOf({ machine }: Found): MachineRef {
  const { machineId, deploymentId, externalId } = machine;
  return { machineId: machineId ?? "", deploymentId, tier: "", slot: 0, externalId };
}

function entryFor({ provider, machine }: Found, because: string) {
  const { externalId, machineId, rawState } = machine;
  const detail = { provider: provider.name, externalId, tagged: machineId, rawState, by: "cli" };
  return { because, detail };
}
