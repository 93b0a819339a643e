/**
 * Waits for many sockets at once. While there is something to do, JavaScript's own thread waits, for ours and for those of
 * Deno's event loop together; when all has been quiet for a while, a thread of Deno's pool waits in its place.
 * Source: epoll(7), level-triggered.
 */
import { clearImmediate, setImmediate } from "node:timers";
import { CTL_ADD, CTL_DEL, CTL_MOD, DATA_WORD, EVENT_WORDS, eventRoom, IN } from "./epoll_event.ts";
import { findHostLoop } from "./host_loop.ts";
import { CLOEXEC, type Libc, NONBLOCK, systemError } from "./libc.ts";
import type { Bytes } from "./wire.ts";

/** Taken in one turn, so that everything else of the process has its own. */
const EVENTS_MAX = 128;
const FOREVER = -1;
/**
 * How long a turn waits: not at all for as long as what woke Deno's own loop may have more to do at once, else briefly.
 * Deno's timers may be late by one wait.
 */
const HURRIED_TURNS = 2;
const WAIT_MS = 1;
/** Turns without news of our sockets before a thread waits, which takes ten times as long to come back. */
const QUIET_TURNS_MAX = 30;
/** Where Deno's loop is not known, only its turns can be taken, and few of them: they do not wait. */
const BLIND_TURNS_MAX = 3;

/** Of one read at most. */
export const READ_BYTES = 65_536n;
const WRITE_BYTES = 65_536;
/**
 * Small reads share memory, because each piece of memory of its own costs the collector; a piece that is kept keeps no
 * more than this.
 */
const SLAB_BYTES = 16_384;
const SMALL_BYTES_MAX = 4_096;

/** What a watched socket does with its news: a set of IN, OUT, ERR and HUP. */
export type Watched = { on(events: number): void };

type Slot = { readonly watched: Watched; readonly life: number };

export class EpollLoop {
  readonly libc: Libc;
  /** Where every read lands first: one read is handled before the next is made. */
  readonly readBuffer: Bytes = new Uint8Array(Number(READ_BYTES));
  /** Where text becomes bytes. */
  readonly writeBuffer: Bytes = new Uint8Array(WRITE_BYTES);
  readonly #epoll: number;
  readonly #alarm: number;
  readonly #news = eventRoom(EVENTS_MAX);
  readonly #aside = eventRoom(EVENTS_MAX);
  readonly #wish = eventRoom(1);
  readonly #slots: (Slot | undefined)[] = [];
  #lives = 0;
  #isClosed = false;
  /** Deno's own epoll, watched beside ours; null when it is not known. */
  readonly #host: number | null;
  /** Whether one wait on our thread is for both; otherwise a thread waits soon. */
  readonly canHearHost: boolean;
  #hearsHost = false;
  #slab: Bytes = new Uint8Array(SLAB_BYTES);
  #slabUsed = 0;
  #quietTurns = 0;
  #hurriedTurns = 0;
  #turn: ReturnType<typeof setImmediate> | null = null;
  #waiting: Promise<void> | null = null;

  /** `host` is Deno's own epoll. Throws when the system has no more of what it needs. */
  constructor(libc: Libc, host: number | null = findHostLoop(libc)) {
    this.libc = libc;
    this.#epoll = libc.epoll_create1(CLOEXEC);
    if (this.#epoll < 0) throw systemError("epoll_create1", libc.errno());
    this.#alarm = libc.eventfd(0, NONBLOCK);
    if (this.#alarm < 0) throw systemError("eventfd", libc.errno());
    this.own(this.#alarm, { on: () => {} });
    this.add(this.#alarm, IN);
    this.#host = host;
    this.#hearHost(CTL_ADD);
    this.canHearHost = this.#hearsHost;
    this.#waitAside();
  }

  /** A copy of the first `count` bytes of what was just read. */
  copyRead(count: number): Bytes {
    if (count > SMALL_BYTES_MAX) return this.readBuffer.slice(0, count);
    if (this.#slabUsed + count > SLAB_BYTES) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const at = this.#slabUsed;
    this.#slabUsed += count;
    const piece = this.#slab.subarray(at, at + count);
    piece.set(this.readBuffer.subarray(0, count));
    return piece;
  }

  /** Says whose a socket's news are from the next `add` or `change` on; what was taken for others before is dropped. */
  own(fd: number, watched: Watched): void {
    this.#lives = (this.#lives + 1) | 0;
    this.#slots[fd] = { watched, life: this.#lives };
  }

  /** Begins to watch a socket. */
  add(fd: number, events: number): void {
    this.#control(CTL_ADD, fd, events);
  }

  change(fd: number, events: number): void {
    this.#control(CTL_MOD, fd, events);
  }

  /** Leaves a socket alone until it is added again, even where it is broken. */
  leave(fd: number): void {
    this.#control(CTL_DEL, fd, 0);
  }

  /** Closes a socket and forgets it; news of it that were taken already reach nobody. */
  drop(fd: number): void {
    this.#slots[fd] = undefined;
    this.libc.close(fd);
  }

  /** Ends the waiting. Close what is watched before. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.libc.write(this.#alarm, new BigUint64Array([1n]), 8n);
    await this.#waiting;
    this.libc.close(this.#alarm);
    this.libc.close(this.#epoll);
  }

  #control(operation: number, fd: number, events: number): void {
    this.#wish[0] = events;
    this.#wish[DATA_WORD] = fd;
    this.#wish[DATA_WORD + 1] = this.#slots[fd]?.life ?? 0;
    if (this.libc.epoll_ctl(this.#epoll, operation, fd, this.#wish) < 0) {
      throw systemError("epoll_ctl", this.libc.errno());
    }
  }

  #look = (): void => {
    // Asked for before the wait, so that the work that is waited for is not held up by it.
    const turn = this.#turn = setImmediate(this.#look);
    const count = this.libc.epoll_wait(this.#epoll, this.#news, EVENTS_MAX, this.#waitMs());
    const some = this.#tell(this.#news, count);
    // News that are nobody's of ours are Deno's.
    const isHost = count > 0 && !some;
    if (some) this.#quietTurns = 0;
    else if (!isHost && this.#hurriedTurns === 0) this.#quietTurns++;
    this.#hurriedTurns = isHost ? HURRIED_TURNS : Math.max(0, this.#hurriedTurns - 1);
    if (this.#isClosed) return;
    const turnsMax = this.#hearsHost ? QUIET_TURNS_MAX : BLIND_TURNS_MAX;
    if (this.#quietTurns < turnsMax) return;
    clearImmediate(turn);
    this.#turn = null;
    this.#waitAside();
  };

  #waitMs(): number {
    return this.#hearsHost && this.#hurriedTurns === 0 ? WAIT_MS : 0;
  }

  #waitAside(): void {
    this.#hearHost(CTL_DEL); // meanwhile Deno hears of its own sockets by itself
    this.#waiting = this.libc.epoll_wait_aside(this.#epoll, this.#aside, EVENTS_MAX, FOREVER)
      .then((count) => {
        this.#waiting = null;
        if (this.#isClosed) return;
        this.#quietTurns = 0;
        this.#tell(this.#aside, count);
        if (this.#isClosed) return;
        this.#hearHost(CTL_ADD);
        this.#turn = setImmediate(this.#look);
      });
  }

  /** A loop that cannot be watched, or is not watched yet, is none that we hear of. */
  #hearHost(operation: number): void {
    this.#wish[0] = IN;
    this.#wish[DATA_WORD] = this.#host ?? -1;
    this.#wish[DATA_WORD + 1] = 0;
    const failed = this.libc.epoll_ctl(this.#epoll, operation, this.#host ?? -1, this.#wish) < 0;
    this.#hearsHost = operation === CTL_ADD && !failed;
  }

  /** Answers whether there was news of ours. */
  #tell(news: Int32Array, count: number): boolean {
    let some = false;
    // Less than none when a signal came in between.
    for (let at = 0; at < count * EVENT_WORDS; at += EVENT_WORDS) {
      const slot = this.#slots[news[at + DATA_WORD] ?? 0];
      if (slot === undefined || slot.life !== news[at + DATA_WORD + 1]) continue;
      some = true;
      slot.watched.on(news[at] ?? 0);
    }
    return some;
  }
}
