/** How busy each core of the machine was, from `/proc/stat`, and what follows from it for a figure. Linux; else empty. */
export type CoreTimes = ReadonlyMap<
  number,
  { readonly busyTicks: number; readonly allTicks: number }
>;
/** Core to share of its time, 0 to 1. */
export type Busy = Readonly<Record<number, number>>;

/** A core that was busy for more than this had no room left. */
export const FULL = 0.9;
/** More work of others than this on the proxy's core, and a slice is taken again. */
export const FOREIGN_MAX = 0.1;

export function coreTimes(): CoreTimes {
  try {
    return parseCoreTimes(Deno.readTextFileSync("/proc/stat"));
  } catch {
    return new Map();
  }
}

/** proc(5): user, nice, system, idle, iowait, irq, softirq, steal; the guests' time is in user and nice already. */
export function parseCoreTimes(text: string): CoreTimes {
  const times = new Map<number, { busyTicks: number; allTicks: number }>();
  for (const [, core, rest = ""] of text.matchAll(/^cpu(\d+) (.*)$/gm)) {
    const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, irq = 0, softIrq = 0, steal = 0] =
      rest.trim().split(/\s+/).map(Number);
    const busyTicks = user + nice + system + irq + softIrq + steal;
    times.set(Number(core), { busyTicks, allTicks: busyTicks + idle + ioWait });
  }
  return times;
}

/** The share of the time between two readings in which each core did something. */
export function busyBetween(before: CoreTimes, after: CoreTimes): Busy {
  const shares: Record<number, number> = {};
  for (const [core, { busyTicks, allTicks }] of after) {
    const from = before.get(core) ?? { busyTicks: 0, allTicks: 0 };
    const ticks = allTicks - from.allTicks;
    if (ticks > 0) shares[core] = (busyTicks - from.busyTicks) / ticks;
  }
  return shares;
}

/** The numbers of a list of cores such as "0" or "2,3". */
export function coreNumbers(cores: string | null): number[] {
  return cores === null || cores === "" ? [] : cores.split(",").map(Number);
}

/** The mean share of `cores`; NaN when they are not known. */
export function meanBusy(busy: Busy, cores: string | null): number {
  const numbers = coreNumbers(cores);
  return numbers.reduce((sum, core) => sum + (busy[core] ?? NaN), 0) / numbers.length;
}

/** The share of `cores` that went to others: what was busy less `ownUs`, over `tookUs`. Never negative; NaN when unknown. */
export function foreignShare(
  busy: Busy,
  cores: string | null,
  ownUs: number,
  tookUs: number,
): number {
  const count = coreNumbers(cores).length;
  return Math.max(0, meanBusy(busy, cores) - ownUs / tookUs / count);
}

/** The names of the cores that were full while the proxy was not: what limited the figure in its place. */
export function fullInsteadOf(
  isProxyFull: boolean,
  busy: Busy,
  others: Readonly<Record<string, string | null>>,
): string[] {
  if (isProxyFull) return [];
  return Object.keys(others).filter((name) => meanBusy(busy, others[name] ?? null) > FULL);
}

/** A second replica that was given more than this over the first one's share would flatter the ratio. */
const FLATTERS_MIN = 1.1;

/** Whether a share of a core is at most a tenth over another one. */
export function hasNoMore(share: number, than: number): boolean {
  return share <= FLATTERS_MIN * than;
}
