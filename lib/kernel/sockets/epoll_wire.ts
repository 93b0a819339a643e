/** One connection over epoll: a read is one system call and one copy, a write one call. */
import { ERR, HUP, IN, OUT } from "./epoll_event.ts";
import { type EpollLoop, READ_BYTES, type Watched } from "./epoll_loop.ts";
import { EAGAIN, EINTR, NO_SIGNAL, pendingErrno, SHUT_WR, systemError } from "./libc.ts";
import type { Bytes, Wire, WireEars } from "./wire.ts";

const encoder = new TextEncoder();
/** A character of text is three bytes of UTF-8 at most. */
const BYTES_PER_CHAR_MAX = 3;

export class EpollWire implements Wire, Watched {
  readonly #loop: EpollLoop;
  readonly #fd: number;
  #ears: WireEars | null = null;
  /** What it is watched for; null: it is left alone, because nobody listens yet, or it is broken and nobody reads. */
  #watch: number | null;
  #queue: Bytes[] = [];
  #isPaused = false;
  #hasEnded = false;
  #hangsUp = false;
  #isClosed = false;

  /** Takes a connected socket over, which `loop` watches for `watch`. */
  constructor(loop: EpollLoop, fd: number, watch: number | null) {
    this.#loop = loop;
    this.#fd = fd;
    this.#watch = watch;
    loop.own(fd, this);
  }

  listen(ears: WireEars): void {
    this.#ears = ears;
    this.#watchFor();
  }

  write(data: string | Bytes): boolean {
    if (this.#isClosed || this.#hangsUp) return true;
    if (typeof data !== "string") return this.#send(data, data.length, false);
    const { writeBuffer } = this.#loop;
    if (data.length * BYTES_PER_CHAR_MAX > writeBuffer.length) {
      const bytes = encoder.encode(data);
      return this.#send(bytes, bytes.length, true);
    }
    return this.#send(writeBuffer, encoder.encodeInto(data, writeBuffer).written, false);
  }

  get isWriting(): boolean {
    return this.#queue.length > 0;
  }

  pause(): void {
    this.#isPaused = true;
    this.#watchFor();
  }

  resume(): void {
    this.#isPaused = false;
    this.#watchFor();
  }

  hangUp(): void {
    if (this.#hangsUp || this.#isClosed) return;
    this.#hangsUp = true;
    if (this.#queue.length === 0) this.#loop.libc.shutdown(this.#fd, SHUT_WR);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ears = null;
    this.#queue = [];
    this.#loop.drop(this.#fd);
  }

  on(events: number): void {
    if ((events & OUT) !== 0) this.#flush();
    if ((events & (IN | HUP | ERR)) === 0 || this.#isClosed) return;
    if (!this.#isPaused && !this.#hasEnded) this.#read();
    else if ((events & ERR) !== 0 && this.#hasEnded) {
      this.#fail(systemError("read", pendingErrno(this.#loop.libc, this.#fd)));
    } else if ((events & (HUP | ERR)) !== 0) this.#leave();
  }

  #read(): void {
    const { libc, readBuffer } = this.#loop;
    const count = libc.recv(this.#fd, readBuffer, READ_BYTES, 0);
    if (count > 0) return this.#ears?.bytes(this.#loop.copyRead(count));
    if (count < 0) {
      const errno = libc.errno();
      if (errno !== EAGAIN && errno !== EINTR) this.#fail(systemError("read", errno));
      return;
    }
    this.#hasEnded = true;
    this.#watchFor();
    this.#ears?.ended();
  }

  /** Sends what the system takes and keeps the rest; `isOurs`: nobody else writes to these bytes. */
  #send(bytes: Bytes, length: number, isOurs: boolean): boolean {
    let sent = 0;
    if (this.#queue.length === 0) {
      sent = this.#sendNow(bytes, 0, length);
      if (sent === length) return true;
    }
    this.#queue.push(isOurs ? bytes.subarray(sent, length) : bytes.slice(sent, length));
    this.#watchFor();
    return false;
  }

  /** Answers where it stopped. A failure is told later: who writes does not expect to be called. */
  #sendNow(bytes: Bytes, from: number, to: number): number {
    const { libc } = this.#loop;
    for (let at = from; at < to;) {
      const part = at === 0 ? bytes : bytes.subarray(at);
      const count = libc.send(this.#fd, part, BigInt(to - at), NO_SIGNAL);
      if (count >= 0) at += count;
      else {
        const errno = libc.errno();
        if (errno === EINTR) continue;
        if (errno === EAGAIN) return at;
        queueMicrotask(() => this.#fail(systemError("write", errno)));
        return to;
      }
    }
    return to;
  }

  #flush(): void {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const sent = this.#sendNow(first, 0, first.length);
      if (sent < first.length) {
        this.#queue[0] = first.subarray(sent);
        return;
      }
      this.#queue.shift();
    }
    if (this.#isClosed) return;
    if (this.#hangsUp) this.#loop.libc.shutdown(this.#fd, SHUT_WR);
    this.#watchFor();
    this.#ears?.drained?.();
  }

  #watchFor(): void {
    if (this.#isClosed) return;
    const reads = !this.#isPaused && !this.#hasEnded && this.#ears !== null;
    const wanted = (reads ? IN : 0) | (this.#queue.length > 0 ? OUT : 0);
    if (wanted === this.#watch) return;
    if (this.#watch !== null) this.#loop.change(this.#fd, wanted);
    else if (wanted === 0) return;
    else this.#loop.add(this.#fd, wanted);
    this.#watch = wanted;
  }

  /** It is broken, which the system would repeat for as long as nobody reads. */
  #leave(): void {
    if (this.#watch === null) return;
    this.#loop.leave(this.#fd);
    this.#watch = null;
  }

  #fail(error: Error): void {
    const ears = this.#ears;
    if (this.#isClosed) return;
    this.close();
    ears?.broke(error);
  }
}
