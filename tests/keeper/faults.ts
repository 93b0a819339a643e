/** What goes wrong with the simulated provider and its computers. */
/** What goes wrong while faults last, per call or per second. */
export type Faults = {
  lostBefore: number;
  lostAfter: number;
  /** Accepted, answered, and nothing comes of it. */
  ignored: number;
  statusFails: number;
  statusLies: number;
  neverOn: number;
  neverLoads: number;
  /** Falls over while loading. */
  diesLoading: number;
  powerLostPerS: number;
  engineDiesPerS: number;
  engineFlapsPerS: number;
  /** Somebody starts it in the provider's console. */
  startedByHandPerS: number;
  slow: number;
  /** Refused, and without effect; only what is rented is. */
  noStock: number;
  accountRefused: number;
  requestRefused: number;
  limited: number;
  /** Its start ends broken, and it never mends. */
  breaksStarting: number;
  breaksAtRestPerS: number;
  /** Taken back while it runs: off, broken or gone. */
  preemptedPerS: number;
};

export const NO_FAULTS: Faults = {
  lostBefore: 0,
  lostAfter: 0,
  ignored: 0,
  statusFails: 0,
  statusLies: 0,
  neverOn: 0,
  neverLoads: 0,
  diesLoading: 0,
  powerLostPerS: 0,
  engineDiesPerS: 0,
  engineFlapsPerS: 0,
  startedByHandPerS: 0,
  slow: 0,
  noStock: 0,
  accountRefused: 0,
  requestRefused: 0,
  limited: 0,
  breaksStarting: 0,
  breaksAtRestPerS: 0,
  preemptedPerS: 0,
};
