/** Which of a tier's ready machines serves a request: the session's own while it has room, else the least busy. Pure. */

/** How far above the average a machine may be loaded before a session spills over to its next choice. */
const LOAD_BOUND = 1.25;

export type Choosable = { readonly id: string; readonly slot: number };

/**
 * Answers the machine to use, or null when there is none. With a session the order of choice is rendezvous hashing
 * (Thaler and Ravishankar 1998), so that a machine coming or going moves only its own sessions; a choice is passed
 * over when it already carries more than 1.25 times the average (Mirrokni et al. 2018, bounded loads).
 */
export function chooseMachine<M extends Choosable>(
  machines: readonly M[],
  sessionId: string | null,
  inFlight: (machineId: string) => number,
): M | null {
  if (machines.length === 0) return null;
  if (sessionId === null) return leastBusy(machines, inFlight);
  const total = machines.reduce((sum, machine) => sum + inFlight(machine.id), 0);
  const bound = Math.ceil(LOAD_BOUND * (total + 1) / machines.length);
  const ranked = machines.map((machine) => ({ machine, rank: rendezvous(sessionId, machine.id) }))
    .sort((a, b) => b.rank - a.rank);
  return ranked.find(({ machine }) => inFlight(machine.id) < bound)?.machine ??
    leastBusy(machines, inFlight);
}

function leastBusy<M extends Choosable>(
  machines: readonly M[],
  inFlight: (id: string) => number,
): M | null {
  let best: M | null = null;
  for (const machine of machines) {
    const less = best === null ? 1 : inFlight(best.id) - inFlight(machine.id);
    if (best === null || less > 0 || (less === 0 && machine.slot < best.slot)) best = machine;
  }
  return best;
}

/** FNV-1a over both names, then a finisher (murmur3's), since FNV alone ranks similar names alike. */
function rendezvous(sessionId: string, machineId: string): number {
  let hash = 0x811c9dc5;
  const text = `${sessionId}\n${machineId}`;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
