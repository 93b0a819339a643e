/** What the fleet and the gateway ask of an inference engine (vLLM, or anything that speaks its API). */

/**
 * How an engine is right now. `healthy`: it answers and serves. `asleep`: it answers and its sleep mode is on.
 * `dead`: it answers that its core is dead (503). `unreachable`: nobody answers: it loads, or is gone.
 */
export type EngineHealth = "healthy" | "asleep" | "dead" | "unreachable";

export type EngineSight = {
  readonly health: EngineHealth;
  /** Whether the port accepted a connection, for the wake timeline. */
  readonly portOpen: boolean;
};

/** One engine's control calls. Every call is bounded by `signal`; none throws for an engine that does not answer, but `nap`/`rouse` do. */
export type Engine = {
  /** Asks `/health`, and `/is_sleeping` when `sleeps` says the tier uses sleep mode (`/health` says nothing of it). */
  look(baseUrl: string, options: { sleeps: boolean }, signal: AbortSignal): Promise<EngineSight>;
  /** `POST /sleep?level=1|2`; answers when it is done. */
  nap(baseUrl: string, level: 1 | 2, signal: AbortSignal): Promise<void>;
  /** `POST /wake_up` (and reload of the weights after level 2); answers when it is done. */
  rouse(baseUrl: string, level: 1 | 2, signal: AbortSignal): Promise<void>;
  /** The names of `/v1/models`, first served name first. */
  models(baseUrl: string, signal: AbortSignal): Promise<readonly string[]>;
};
