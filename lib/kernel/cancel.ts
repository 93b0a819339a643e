/**
 * A word to stop, without an event: what `AbortController` does for one request at a fraction of its cost. Three of
 * those and their listeners were a tenth of a plain request.
 */
import { Roster, type Seated } from "./roster.ts";

/** What anything that can be stopped asks for. Every `AbortSignal` is one. */
export type CancelSignal = {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
};

/** One of the many that hear the same word; it comes and goes with a request, and has no listener made for it. */
export type Follower = Seated & { onAbort(reason: unknown): void };

/** Its own signal: hand it on as a {@link CancelSignal}. */
export class Cancel implements CancelSignal {
  #aborted = false;
  #reason: unknown = undefined;
  /** Most have one listener. */
  #first: (() => void) | null = null;
  #others: Set<() => void> | null = null;
  #followers: Roster<Follower> | null = null;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** Tells every listener, in the order they came. Only the first call counts. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const [first, others] = [this.#first, this.#others];
    this.#first = this.#others = null;
    first?.();
    if (others !== null) { for (const listener of others) listener(); }
    const followers = this.#followers;
    if (followers === null) return;
    for (const follower of followers) if (followers.delete(follower)) follower.onAbort(reason);
  }

  /** Tells `follower` after the listeners, in no order; at once when the word was given. It may follow nobody else. */
  follow(follower: Follower): void {
    if (this.#aborted) follower.onAbort(this.#reason);
    else (this.#followers ??= new Roster()).add(follower);
  }

  unfollow(follower: Follower): void {
    this.#followers?.delete(follower);
  }

  /** A listener added after the word was given is not called, as with `AbortSignal`. Adding one twice adds it once. */
  addEventListener(_type: "abort", listener: () => void): void {
    if (this.#aborted || this.#first === listener) return;
    if (this.#first === null && this.#others === null) this.#first = listener;
    else (this.#others ??= new Set()).add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    if (this.#first === listener) this.#first = null;
    else this.#others?.delete(listener);
  }
}

/** A signal of our own that follows another, so that many may listen at the cost of one listener there. */
export function relayed(signal: CancelSignal): Cancel {
  const cancel = new Cancel();
  if (signal.aborted) cancel.abort(signal.reason);
  else signal.addEventListener("abort", () => cancel.abort(signal.reason));
  return cancel;
}
