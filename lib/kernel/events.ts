/** News from the database: one LISTEN connection per replica, fanned out to whoever keeps a cache. */
import { type Clock, type Millis, millis, seconds, systemClock } from "./clock.ts";
import { type DatabaseTarget, openSession, type Sql } from "./database.ts";
import type { Log } from "./log.ts";

/** What the triggers of `migrations/` tell; each payload is the id of the row that changed. */
export type Channel = "api_keys" | "machines" | "wakes";

export type Events = {
  /**
   * Calls `heard` with each payload, and `reload` once LISTEN stands and whenever it stands again: what was told
   * in between is lost, so read everything afresh. Returns what ends it.
   */
  on(channel: Channel, heard: (payload: string) => void, reload: () => void): () => void;
  /** Ends the connection; nothing is called after. */
  close(): Promise<void>;
};

export type EventsOptions = { clock?: Clock; pingEvery?: Millis; pingLimit?: Millis };

type Subscription = {
  channel: Channel;
  heard: (payload: string) => void;
  reload: () => void;
  /** The session it was last told to reload in. */
  session: Session | null;
};
type Session = { sql: Sql; lost: Promise<string>; lose(because: string): void };

/** A line that is silently dead (a firewall forgot it) is noticed within the two together. */
const PING_EVERY = seconds(10);
const PING_LIMIT = seconds(5);
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 5_000;

/** Connects and keeps listening until closed. Rejects when the first connection fails. */
export async function openEvents(
  target: DatabaseTarget,
  log: Log,
  options: EventsOptions = {},
): Promise<Events> {
  const { clock = systemClock, pingEvery = PING_EVERY, pingLimit = PING_LIMIT } = options;
  const subscriptions = new Set<Subscription>();
  const closing = new AbortController();
  let current: Session | null = null;

  function open(): Session {
    const lost = Promise.withResolvers<string>();
    const sql = openSession(target, "emberlane-events", {
      onnotify: (channel, payload) => {
        for (const each of subscriptions) {
          if (each.channel === channel && each.session === session) {
            guarded(() => each.heard(payload), channel);
          }
        }
      },
      onclose: () => lost.resolve("closed by the server"),
    });
    const session: Session = { sql, lost: lost.promise, lose: lost.resolve };
    return session;
  }

  /** LISTEN first, reload after: nothing falls in between. Repeating LISTEN is harmless. */
  async function listen(session: Session, channel: Channel): Promise<void> {
    await session.sql`listen ${session.sql(channel)}`;
    for (const each of subscriptions) {
      if (each.channel !== channel || each.session === session) continue;
      each.session = session;
      guarded(each.reload, channel);
    }
  }

  function guarded(call: () => void, channel: string): void {
    if (closing.signal.aborted) return;
    try {
      call();
    } catch (error) {
      log.error("events.handler_failed", { channel, error: asError(error) });
    }
  }

  async function establish(): Promise<Session> {
    const session = open();
    try {
      await session.sql`select 1`;
      current = session; // from here on `on` listens for itself
      await Promise.all([...channelsOf(subscriptions)].map((each) => listen(session, each)));
      return session;
    } catch (error) {
      current = null;
      await session.sql.end({ timeout: 0 });
      throw error;
    }
  }

  /** Resolves with the reason once the session is of no more use. */
  async function watch(session: Session): Promise<string> {
    const over = new AbortController();
    session.lost.then(() => over.abort());
    const signal = AbortSignal.any([over.signal, closing.signal]);
    while (true) {
      await clock.sleep(pingEvery, signal);
      if (closing.signal.aborted) return "closed by us";
      if (over.signal.aborted) return await session.lost;
      const answer = session.sql`select 1`.then(() => null, (error) => asError(error).message);
      const late = clock.sleep(pingLimit, signal).then(() => `no answer within ${pingLimit} ms`);
      const because = await Promise.race([answer, late]);
      if (because !== null && !closing.signal.aborted) return because;
    }
  }

  async function keep(first: Session): Promise<void> {
    let session: Session | null = first;
    let backoffMs = BACKOFF_MIN_MS;
    while (!closing.signal.aborted) {
      if (session !== null) {
        const because = await watch(session);
        current = null;
        await session.sql.end({ timeout: 0 });
        session = null;
        if (closing.signal.aborted) return;
        log.warn("events.lost", { because });
      }
      try {
        session = await establish();
        backoffMs = BACKOFF_MIN_MS;
        log.info("events.listening", {});
      } catch (error) {
        log.warn("events.unreachable", { error: asError(error), retryMs: backoffMs });
        await clock.sleep(millis(backoffMs), closing.signal);
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
      }
    }
    if (session !== null) await session.sql.end({ timeout: 0 });
  }

  const kept = keep(await establish());

  return {
    on(channel, heard, reload) {
      const subscription: Subscription = { channel, heard, reload, session: null };
      subscriptions.add(subscription);
      const session = current;
      if (session !== null) {
        listen(session, channel).catch((error) => session.lose(asError(error).message));
      }
      return () => subscriptions.delete(subscription);
    },
    async close() {
      closing.abort();
      await kept;
    },
  };
}

const channelsOf = (subscriptions: ReadonlySet<Subscription>): Set<Channel> =>
  new Set([...subscriptions].map((each) => each.channel));

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));
