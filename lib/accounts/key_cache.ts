/** API keys in memory, by the SHA-256 of their secret: no request waits for the database but the first of its key. */
import { type Clock, seconds } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import type { Events } from "@/lib/kernel/events.ts";
import { sha256Hex } from "@/lib/kernel/ids.ts";
import type { Log } from "@/lib/kernel/log.ts";
import type { ApiKey } from "./api_key.ts";

/** What the cache stands on. `findKey` reads one key by its secret's SHA-256, as api_keys_store has it. */
export type KeyCacheDeps = {
  findKey: (secretSha256: string) => Promise<ApiKey | null>;
  /** Tells of changes: the payload of channel `api_keys` is the key's id; the reload follows a lost connection. */
  events: Pick<Events, "on">;
  clock: Clock;
  log: Log;
};

/** A key this old in memory is read again, behind the request that uses it: NOTIFY promises no delivery. */
export const CONFIRM_AFTER = seconds(10);
/** And asked for again this often until the database answers. */
export const CONFIRM_EVERY = seconds(1);
/** A key known from memory alone works for this long while the database cannot be read; then 503. */
export const UNCONFIRMED_MAX = seconds(60);
/** How long "nobody's key" is believed; a new key's NOTIFY ends it at once. */
export const UNKNOWN_FOR = seconds(2);
export const KEYS_CACHED_MAX = 50_000;
/** Secrets of nobody remembered at a time, so that a stream of random ones cannot fill the memory. */
export const UNKNOWN_CACHED_MAX = 10_000;
/** Keys being read at a time, so that it cannot fill the database's queue either. */
export const READS_MAX = 500;
export const READ_MAX = seconds(5);
/**
 * Secrets of known keys whose hash is remembered. They pass through this process with every request; hashing one again
 * for each costs a lone request 30 µs.
 */
export const HASHES_KEPT_MAX = 1_000;
/** A key in use is moved to the end of the order this often. */
const USE_NOTED_EVERY = seconds(1);
const RETRY_AFTER_S = 2;

/** All on `Clock.elapsedMs`: when the row was last read and last asked for, and when its use was last noted. */
type Known = { key: ApiKey; confirmedAtMs: number; triedAtMs: number; usedAtMs: number };

/** One replica's keys. Close it to stop listening. */
export class KeyCache {
  readonly #deps: KeyCacheDeps;
  /** Both in order of use, least recent first; use is told apart by the second. */
  readonly #known = new Map<string, Known>();
  readonly #unknownUntilMs = new Map<string, number>();
  /** SHA-256 by secret; says nothing of whether its key is still good. */
  readonly #hashes = new Map<string, string>();
  /** The one found last; empty: none. */
  #lastSecret = "";
  #lastHash = "";
  readonly #reads = new Map<string, Promise<ApiKey | null>>();
  readonly #stop: () => void;
  /** Grows with every change heard of: a read begun before one is not kept. */
  #changes = 0;
  /** Reads the database has not answered yet, those nobody waits for any more included. */
  #unanswered = 0;
  /** Whether the last read worked; the log hears of changes only. */
  #readable = true;

  constructor(deps: KeyCacheDeps) {
    this.#deps = deps;
    this.#stop = deps.events.on("api_keys", (id) => this.#forget(id), () => this.clear());
  }

  /** Secrets remembered now, known and unknown. */
  get size(): number {
    return this.#known.size + this.#unknownUntilMs.size;
  }

  /** What memory says at once: the key, null for nobody's, undefined when {@link find} has to read. */
  peek(secret: string): ApiKey | null | undefined {
    // Most requests of a moment carry one key; text that was just read would be hashed before a map finds it.
    if (secret === this.#lastSecret) return this.#peek(this.#lastHash);
    const kept = this.#hashes.get(secret);
    const hash = kept ?? sha256Hex(secret);
    const key = this.#peek(hash);
    // Never one of nobody's: who guesses must not fill this.
    if (key) this.#keepHash(secret, hash);
    return key;
  }

  /**
   * The key of a secret, or null when it is nobody's; revoked and expired keys are found as such. Throws AppError
   * with a Retry-After when the database cannot be read and memory does not know the key.
   */
  async find(secret: string): Promise<ApiKey | null> {
    const hash = sha256Hex(secret);
    const seen = this.#peek(hash);
    return seen === undefined ? await this.#read(hash) : seen;
  }

  /** Forgets everything; every key is read again at its next use. */
  clear(): void {
    this.#changes++;
    this.#known.clear();
    this.#forgetHashes();
    this.#unknownUntilMs.clear();
  }

  close(): void {
    this.#stop();
    this.clear();
  }

  #peek(hash: string): ApiKey | null | undefined {
    const nowMs = this.#deps.clock.elapsedMs();
    const known = this.#known.get(hash);
    if (known !== undefined) {
      const ageMs = nowMs - known.confirmedAtMs;
      if (ageMs >= UNCONFIRMED_MAX) return undefined;
      if (ageMs >= CONFIRM_AFTER && nowMs - known.triedAtMs >= CONFIRM_EVERY) {
        this.#confirm(hash, known, nowMs);
      }
      if (nowMs - known.usedAtMs >= USE_NOTED_EVERY) {
        known.usedAtMs = nowMs;
        touch(this.#known, hash, known, KEYS_CACHED_MAX);
      }
      return known.key;
    }
    const untilMs = this.#unknownUntilMs.get(hash);
    if (untilMs === undefined) return undefined;
    if (nowMs < untilMs) return null;
    this.#unknownUntilMs.delete(hash);
    return undefined;
  }

  #forgetHashes(): void {
    this.#hashes.clear();
    this.#lastSecret = this.#lastHash = "";
  }

  #keepHash(secret: string, hash: string): void {
    this.#lastSecret = secret;
    this.#lastHash = hash;
    if (this.#hashes.has(secret)) return;
    if (this.#hashes.size >= HASHES_KEPT_MAX) this.#hashes.clear();
    this.#hashes.set(secret, hash);
  }

  /** Reads again what is old but still served. A failure is no news to the request: the key goes on ageing. */
  #confirm(hash: string, known: Known, nowMs: number): void {
    known.triedAtMs = nowMs;
    this.#read(hash).catch(() => {});
  }

  /** One read per hash, however many requests ask. */
  #read(hash: string): Promise<ApiKey | null> {
    const running = this.#reads.get(hash);
    if (running !== undefined) return running;
    if (this.#unanswered >= READS_MAX) {
      return Promise.reject(unreadable(new Error(`${READS_MAX} keys are being read already`)));
    }
    const read = this.#readFresh(hash).finally(() => this.#reads.delete(hash));
    this.#reads.set(hash, read);
    return read;
  }

  /** Reads until no change was heard of meanwhile, so that no revoked key is remembered as good. */
  async #readFresh(hash: string): Promise<ApiKey | null> {
    const done = new AbortController();
    const late = this.#deps.clock.sleep(READ_MAX, done.signal).then(() => {
      throw new Error(`The database did not answer within ${READ_MAX} ms`);
    });
    late.catch(() => {}); // when the read came first
    try {
      while (true) {
        const changes = this.#changes;
        const readAtMs = this.#deps.clock.elapsedMs();
        const key = await Promise.race([this.#ask(hash), late]);
        if (changes !== this.#changes) continue;
        this.#remember(hash, key, readAtMs);
        if (!this.#readable) this.#deps.log.info("api_keys_readable");
        this.#readable = true;
        return key;
      }
    } catch (error) {
      const because = error instanceof Error ? error : new Error(String(error));
      if (this.#readable) this.#deps.log.error("api_keys_unreadable", { error: because });
      this.#readable = false;
      throw unreadable(because);
    } finally {
      done.abort();
    }
  }

  async #ask(hash: string): Promise<ApiKey | null> {
    this.#unanswered++;
    try {
      return await this.#deps.findKey(hash);
    } finally {
      this.#unanswered--;
    }
  }

  #remember(hash: string, key: ApiKey | null, readAtMs: number): void {
    this.#known.delete(hash);
    this.#unknownUntilMs.delete(hash);
    if (key === null) {
      touch(this.#unknownUntilMs, hash, readAtMs + UNKNOWN_FOR, UNKNOWN_CACHED_MAX);
    } else {
      const known = { key, confirmedAtMs: readAtMs, triedAtMs: readAtMs, usedAtMs: readAtMs };
      touch(this.#known, hash, known, KEYS_CACHED_MAX);
    }
  }

  /** A key was made or changed. A new one may be among the unknown, and its hash is not told. */
  #forget(id: string): void {
    this.#changes++;
    this.#unknownUntilMs.clear();
    this.#forgetHashes(); // the secret of a revoked key is kept no longer
    for (const [hash, known] of this.#known) {
      if (known.key.id === id) this.#known.delete(hash);
    }
  }
}

/** Puts an entry last in order of use, and drops the first when there are too many. */
function touch<T>(map: Map<string, T>, hash: string, value: T, max: number): void {
  map.delete(hash);
  map.set(hash, value);
  const oldest = map.size > max ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}

/** Never a 401: the key may well be good, and another try may find out. */
function unreadable(cause: Error): AppError {
  return new AppError(
    "storage_unavailable",
    "Cannot check the API key: the database does not answer; try again",
    { retryAfterS: RETRY_AFTER_S, shouldRetry: true, cause },
  );
}
