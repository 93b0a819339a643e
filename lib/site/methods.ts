/** What each fold means, in words; the page shows it above the SQL. */
import type { WindowFigures } from "@/lib/ledger/figures_read.ts";
import type { FoldName } from "@/lib/ledger/folds.ts";

export type Method = {
  readonly fold: FoldName;
  readonly title: string;
  readonly says: string;
  readonly lastOf: (figures: WindowFigures) => unknown;
};

export const METHODS: readonly Method[] = [
  {
    fold: "realised_cost",
    title: "Realised cost per million tokens",
    says:
      "All the money the providers billed in the window over all the tokens of the requests that ended in it. Idle time, cold starts, failed wakes, disks and addresses are in the money. Where bills are missing at an edge of the window the figure is unknown.",
    lastOf: ({ cost }) => cost,
  },
  {
    fold: "cost_by_day",
    title: "Realised cost by day",
    says:
      "The money billed on a UTC day over the tokens of the requests that ended on it. A day at whose beginning or end bills are missing is unknown.",
    lastOf: ({ costByDay }) => costByDay,
  },
  {
    fold: "cost_by_model",
    title: "Realised cost by model",
    says:
      "A bill does not say which model it was for. A tier's money is shared among the models it served by their part of its tokens, with its idle time and cold starts; money of a tier that served nothing belongs to no model.",
    lastOf: ({ costByModel }) => costByModel,
  },
  {
    fold: "spend",
    title: "What the money was for",
    says:
      "Each minute of a machine is paid for by what the journal says of its place: serving when a request ran in it, idle when it could serve and none ran, warm-up while it loads, storage while it sleeps. Money billed across a gap is counted, and what it was for is unknown.",
    lastOf: ({ spend }) => spend,
  },
  {
    fold: "spend_by_day",
    title: "Money by day",
    says: "The same by UTC day, for all tiers together, from the first day whose bills were read.",
    lastOf: ({ spendByDay }) => spendByDay,
  },
  {
    fold: "billing_gaps",
    title: "Minutes without a bill",
    says:
      "Once a minute every provider is asked for its bill. Minutes in which it could not be read are counted here and never shown as 0.",
    lastOf: ({ gaps }) => gaps,
  },
  {
    fold: "utilisation",
    title: "Utilisation and idle share",
    says:
      "Utilisation is the share of powered machine time in which at least one request ran. The idle share is the part in which the machine could serve and nothing ran. What remains is loading and stopping.",
    lastOf: ({ utilisation }) => utilisation,
  },
  {
    fold: "machine_time",
    title: "Machine time",
    says:
      "Powered time runs from the start of loading until the machine is off again, by our own journal; it is what a provider bills in full. Requests that overlap count once.",
    lastOf: ({ machineTime }) => machineTime,
  },
  {
    fold: "energy_by_day",
    title: "Energy by day",
    says:
      "Reckoned and not metered: powered hours times the watts that the lineup declares for a machine of the tier. A tier that declares none has no energy here, and not 0.",
    lastOf: ({ energy }) => energy,
  },
  {
    fold: "wakes",
    title: "Wakes and how long they take",
    says:
      "A wake counts from the request that asked for it until its engine was healthy. Percentiles are over served wakes; those that failed or ran out of time are counted beside them.",
    lastOf: ({ wakes }) => wakes,
  },
  {
    fold: "wake_phases",
    title: "The phases of a wake",
    says:
      "Each phase of the served wakes from the end of the one before. Percentiles of different phases are of different wakes, and do not add up to those of the whole.",
    lastOf: ({ phases }) => phases,
  },
  {
    fold: "wake_timeouts",
    title: "The share of waiting requests that got a 504",
    says:
      "Of the requests that had to wait for a machine, those that were answered 504 wake_timeout because none was ready in time.",
    lastOf: ({ timeouts }) => timeouts,
  },
  {
    fold: "requests_and_tokens",
    title: "Requests and tokens",
    says:
      "Requests that ended in the window, by the time they ended, and the tokens the engine counted for them. Refused ones, which never reached a machine, are apart.",
    lastOf: ({ usage }) => usage,
  },
  {
    fold: "tokens_by_day",
    title: "Tokens by day",
    says: "The same by UTC day, for the chart.",
    lastOf: ({ byDay }) => byDay,
  },
];
