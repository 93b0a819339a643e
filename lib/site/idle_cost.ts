/** What a machine costs in a month when it sleeps between bursts, and when it does not. Pure. */

export type IdleInput = {
  readonly usdPerHour: number;
  /** What it costs asleep: its disk and address. */
  readonly asleepUsdPerHour: number;
  readonly burstsPerDay: number;
  readonly busyMinutes: number;
  /** Minutes of each wake that are billed. */
  readonly wakeMinutes: number;
  /** Minutes it waits for another request before it sleeps. */
  readonly idleMinutes: number;
};

export type IdleCost = {
  readonly awakeHoursPerDay: number;
  readonly sleepingUsdPerMonth: number;
  readonly alwaysOnUsdPerMonth: number;
  /** Of the awake time, the share that serves. */
  readonly busyShare: number;
};

export const DAYS_PER_MONTH = 30;
const HOURS_PER_DAY = 24;
const MINUTES_PER_HOUR = 60;

/** Bursts are taken to lie apart; those that would fill the day make it always on. */
export function idleCost(input: IdleInput): IdleCost {
  const perBurst = input.wakeMinutes + input.busyMinutes + input.idleMinutes;
  const awakeHoursPerDay = Math.min(
    HOURS_PER_DAY,
    (input.burstsPerDay * perBurst) / MINUTES_PER_HOUR,
  );
  const asleepHours = HOURS_PER_DAY - awakeHoursPerDay;
  const perDay = awakeHoursPerDay * input.usdPerHour + asleepHours * input.asleepUsdPerHour;
  return {
    awakeHoursPerDay,
    sleepingUsdPerMonth: perDay * DAYS_PER_MONTH,
    alwaysOnUsdPerMonth: HOURS_PER_DAY * input.usdPerHour * DAYS_PER_MONTH,
    busyShare: perBurst === 0 ? 0 : input.busyMinutes / perBurst,
  };
}
