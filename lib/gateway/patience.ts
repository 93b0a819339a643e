/** How long anybody waits for an answer: until the client leaves, or the gateway stops. */
import { Cancel, type CancelSignal, type Follower } from "@/lib/kernel/cancel.ts";

/** One signal for the client leaving and for the gateway stopping. */
export class Patience implements Follower {
  seat = -1;
  readonly #both = new Cancel();
  readonly #client: CancelSignal;
  readonly #stopping: Cancel;
  #left = false;

  constructor(client: CancelSignal, stopping: Cancel) {
    this.#client = client;
    this.#stopping = stopping;
    client.addEventListener("abort", this.leave);
    if (client.aborted) this.leave();
    else stopping.follow(this);
  }

  get signal(): CancelSignal {
    return this.#both;
  }

  /** Whether the client left. */
  get isGone(): boolean {
    return this.#left;
  }

  leave = (): void => {
    this.#left = true;
    this.#both.abort(this.#client.reason);
  };

  onAbort(reason: unknown): void {
    this.#both.abort(reason);
  }

  /** From now on the signal tells of nothing more. */
  forget(): void {
    this.#client.removeEventListener("abort", this.leave);
    this.#stopping.unfollow(this);
  }
}
