/** Buying tokens through a gateway against renting and running the machines oneself: where the lines cross. Pure. */

export type CrossoverInput = {
  /** Millions of tokens a month. */
  readonly mtokPerMonth: number;
  /** What a million tokens cost when bought, US dollars. */
  readonly usdPerMtok: number;
  /** Rent of one's own machine, US dollars an hour. */
  readonly usdPerHour: number;
  /** Tokens a second the machine makes while it is busy. */
  readonly tokensPerSecond: number;
  /** Share of rented time in which it is idle, 0 to under 1. */
  readonly idleShare: number;
  /** Engineer's hours a month that running it takes. */
  readonly engineerHours: number;
  readonly usdPerEngineerHour: number;
};

export type Crossover = {
  readonly buyUsd: number;
  readonly machineHours: number;
  readonly rentUsd: number;
  readonly engineerUsd: number;
  readonly runUsd: number;
  /** What a million tokens cost when one runs the machine, without the engineer. */
  readonly runUsdPerMtok: number;
  /** Millions of tokens a month from which running is cheaper; null: never at these prices. */
  readonly crossoverMtok: number | null;
};

const SECONDS_PER_HOUR = 3_600;

/** Machine hours are counted as needed: a machine that sleeps when it is not wanted, idle share included. */
export function crossover(input: CrossoverInput): Crossover {
  const { mtokPerMonth, usdPerMtok, usdPerHour, tokensPerSecond, idleShare } = input;
  const busyHoursPerMtok = 1_000_000 / tokensPerSecond / SECONDS_PER_HOUR;
  const hoursPerMtok = busyHoursPerMtok / (1 - idleShare);
  const runUsdPerMtok = hoursPerMtok * usdPerHour;
  const engineerUsd = input.engineerHours * input.usdPerEngineerHour;
  const machineHours = mtokPerMonth * hoursPerMtok;
  const rentUsd = machineHours * usdPerHour;
  const gain = usdPerMtok - runUsdPerMtok;
  return {
    buyUsd: mtokPerMonth * usdPerMtok,
    machineHours,
    rentUsd,
    engineerUsd,
    runUsd: rentUsd + engineerUsd,
    runUsdPerMtok,
    crossoverMtok: gain > 0 ? engineerUsd / gain : null,
  };
}
