/** Which call goes wrong and how: planned one by one, or drawn by the seed. */

import { type Random, seeded } from "../random.ts";

/** What a route does, as faults name it. */
export const OPERATIONS = [
  "create",
  "read",
  "list",
  "label",
  "delete",
  "stop",
  "start",
  "hibernate",
  "restore",
  "reboot",
  "sg_rules",
  "name_availability",
  "environments",
  "keypairs",
  "flavors",
  "stocks",
  "pricebook",
  "regions",
  "images",
  "usage",
  "last_day_cost",
  "history",
  "billing_events",
  "credit",
] as const;
export type Operation = typeof OPERATIONS[number];

export type Fault =
  | { readonly kind: "rate_limited" }
  /** The old style: `{"message":"Internal Server Error"}`, without effect. */
  | { readonly kind: "server_error" }
  /** The answer comes this much later, on the account's clock. */
  | { readonly kind: "slow"; readonly byMs: number }
  /** The effect happens; the connection is cut before the answer. */
  | { readonly kind: "lost" }
  /** The connection is cut before the effect. */
  | { readonly kind: "unheard" }
  | { readonly kind: "stock_out" }
  | { readonly kind: "insufficient_credit" }
  /** Accepted; the machine then ends in ERROR. */
  | { readonly kind: "fails_later" }
  /** `read` and `list` show the status the machine had before its present one. */
  | { readonly kind: "lying_status" };

/** A fault of the `nth` call (from 1) after it was planned, and the `times - 1` after it. */
export type FaultPlan = { readonly nth?: number; readonly times?: number };

/** The share of calls that go wrong by the seed, and of spot machines taken in an hour. */
export type FaultRates = {
  readonly serverErrors: number;
  readonly slow: number;
  readonly slowByMs: number;
  readonly lost: number;
  readonly failsLater: number;
  readonly preemptionsPerHour: number;
};

export const NO_FAULTS: FaultRates = {
  serverErrors: 0,
  slow: 0,
  slowByMs: 3_000,
  lost: 0,
  failsLater: 0,
  preemptionsPerHour: 0,
};

export type FaultDesk = {
  plan(operation: Operation | "any", fault: Fault, plan?: FaultPlan): void;
  /** The faults of this call; asking counts it. */
  next(operation: Operation): readonly Fault[];
};

/** Effects that a machine's life can go wrong after. */
const LIFE: ReadonlySet<Operation> = new Set(["create", "start", "hibernate", "restore"]);

/** A desk that hands out planned faults, then those of the seed. */
export function faultDesk(seed: number, rates: FaultRates): FaultDesk {
  const random: Random = seeded(seed);
  let planned: {
    operation: Operation | "any";
    fault: Fault;
    skip: number;
    left: number;
  }[] = [];
  return {
    plan(operation, fault, { nth = 1, times = 1 } = {}) {
      planned.push({ operation, fault, skip: nth - 1, left: times });
    },
    next(operation) {
      const due: Fault[] = [];
      for (const each of planned) {
        if (each.operation !== "any" && each.operation !== operation) continue;
        if (each.skip > 0) each.skip -= 1;
        else {
          each.left -= 1;
          due.push(each.fault);
        }
      }
      planned = planned.filter((each) => each.left > 0);
      return [...due, ...drawn(random, rates, operation)];
    },
  };
}

function drawn(random: Random, rates: FaultRates, operation: Operation): Fault[] {
  const faults: Fault[] = [];
  // every call takes the same number of draws, so that one rate does not move another's faults
  if (random() < rates.serverErrors) faults.push({ kind: "server_error" });
  if (random() < rates.slow) faults.push({ kind: "slow", byMs: rates.slowByMs });
  if (random() < rates.lost) faults.push({ kind: "lost" });
  if (random() < rates.failsLater && LIFE.has(operation)) faults.push({ kind: "fails_later" });
  return faults;
}
