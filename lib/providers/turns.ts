/**
 * Whose turn it is to call a provider. Its limit counts all our replicas together, so they share one bucket, in
 * Postgres: a call takes a tenth of a second or more, a turn about a millisecond. A fair share for each replica would
 * need none, but the replica that does the work (it holds the leases, it won the minute) would be held back while the
 * others leave theirs unused.
 */
import {
  type Clock,
  type Instant,
  instant,
  later,
  type Millis,
  millis,
} from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { ProviderError } from "./provider.ts";

export type Turns = {
  /** Takes one. Throws ProviderError: `rate-limited` with the wait until the next, `unavailable` without the database. */
  take(operation: string): Promise<void>;
  /** The provider refused a call for its rate: nobody of ours makes one for `span`. */
  hold(span: Millis): Promise<void>;
};

/** At most `perMinute` in any minute: what may come at once, and what is refilled over a minute, add up to it. */
export type TurnLimit = { readonly burst: number; readonly refillPerMinute: number };

/** What calls are paid with. `credit` is whole: a call costs {@link CALL_COST}, a millisecond adds `refillPerMinute`. */
export type Bucket = {
  readonly credit: number;
  readonly asOf: Instant;
  readonly heldUntil: Instant | null;
};

export const CALL_COST = 60_000;
const BURST_SHARE = 0.25;
/** Nobody is held back longer, whatever an answer asks for or a clock that was set back makes of it. */
export const HOLD_MAX: Millis = millis(600_000);
/** Clocks of replicas differ by less than this; a bucket further in the future was filled by a clock set back since. */
const SKEW_MAX: Millis = millis(60_000);

export function turnLimit(perMinute: number): TurnLimit {
  const burst = Math.max(1, Math.floor(perMinute * BURST_SHARE));
  return { burst, refillPerMinute: Math.max(1, perMinute - burst) };
}

/** The bucket after one call, or how long to wait for the next. Null: nobody called yet. */
export function takeTurn(
  bucket: Bucket | null,
  { burst, refillPerMinute }: TurnLimit,
  now: Instant,
): { kind: "taken"; bucket: Bucket } | { kind: "wait"; span: Millis } {
  const full = burst * CALL_COST;
  const { credit, asOf, heldUntil } = bucket ?? { credit: full, asOf: now, heldUntil: null };
  if (heldUntil !== null && heldUntil > now && heldUntil <= later(now, HOLD_MAX)) {
    return { kind: "wait", span: millis(heldUntil - now) };
  }
  const filled = Math.min(full, credit + refillPerMinute * Math.max(0, now - asOf));
  if (filled < CALL_COST) {
    return { kind: "wait", span: millis(Math.ceil((CALL_COST - filled) / refillPerMinute)) };
  }
  const newAsOf = asOf > later(now, SKEW_MAX) ? now : instant(Math.max(asOf, now));
  return { kind: "taken", bucket: { credit: filled - CALL_COST, asOf: newAsOf, heldUntil } };
}

/** Turns of this process alone, for who has no database: the command line in an emergency. */
export function ownTurns(provider: string, perMinute: number, clock: Clock): Turns {
  const limit = turnLimit(perMinute);
  let bucket: Bucket | null = null;
  return {
    take(operation) {
      const turn = takeTurn(bucket, limit, clock.now());
      if (turn.kind === "wait") return Promise.reject(refusal(provider, operation, turn.span));
      bucket = turn.bucket;
      return Promise.resolve();
    },
    hold(span) {
      const now = clock.now();
      const heldUntil = later(now, millis(Math.min(span, HOLD_MAX)));
      bucket = { credit: 0, asOf: now, ...bucket, heldUntil };
      return Promise.resolve();
    },
  };
}

/** Turns of all who share the database. */
export function sharedTurns(sql: Sql, provider: string, perMinute: number, clock: Clock): Turns {
  const limit = turnLimit(perMinute);
  /** Until then nobody needs to ask again, on the elapsed clock. */
  let refusedUntilMs = -Infinity;

  return {
    async take(operation) {
      const restMs = refusedUntilMs - clock.elapsedMs();
      if (restMs > 0) throw refusal(provider, operation, millis(Math.ceil(restMs)));
      let span: Millis | null;
      try {
        span = await takeShared(sql, provider, limit, clock.now());
      } catch (cause) {
        const message = "no turn can be taken without the database";
        throw new ProviderError("unavailable", provider, operation, message, { cause });
      }
      if (span === null) return;
      refusedUntilMs = clock.elapsedMs() + span;
      throw refusal(provider, operation, span);
    },
    async hold(span) {
      const now = clock.now();
      const until = new Date(later(now, millis(Math.min(span, HOLD_MAX))));
      await sql`
        insert into provider_turns as old (provider, credit, as_of, held_until)
        values (${provider}, 0, ${new Date(now)}, ${until})
        on conflict (provider) do update set
          held_until = case
            when old.held_until > ${new Date(later(now, HOLD_MAX))} then ${until}
            else greatest(old.held_until, ${until})
          end
      `;
    },
  };
}

/** Null when a turn was taken, else how long to wait. One statement, as {@link takeTurn} has it: no lock outlives it. */
async function takeShared(
  sql: Sql,
  provider: string,
  limit: TurnLimit,
  now: Instant,
): Promise<Millis | null> {
  const { burst, refillPerMinute } = limit;
  const at = new Date(now);
  const filled = sql`least(
    ${burst * CALL_COST}::bigint,
    old.credit + ${refillPerMinute}::bigint
      * greatest(0, (extract(epoch from ${at}::timestamptz - old.as_of) * 1000)::bigint)
  )`;
  const taken = await sql`
    insert into provider_turns as old (provider, credit, as_of)
    values (${provider}, ${(burst - 1) * CALL_COST}, ${at})
    on conflict (provider) do update set
      credit = ${filled} - ${CALL_COST}::bigint,
      as_of = case
        when old.as_of > ${new Date(later(now, SKEW_MAX))} then ${at}
        else greatest(old.as_of, ${at})
      end
    where ${filled} >= ${CALL_COST}::bigint
      and (old.held_until is null or old.held_until <= ${at}
        or old.held_until > ${new Date(later(now, HOLD_MAX))})
  `;
  if (taken.count === 1) return null;
  const [row] = await sql<{ credit: number; asOf: Date; heldUntil: Date | null }[]>`
    select credit, as_of as "asOf", held_until as "heldUntil"
    from provider_turns where provider = ${provider}
  `;
  if (row === undefined) return millis(0);
  const turn = takeTurn(
    {
      credit: row.credit,
      asOf: instant(row.asOf.getTime()),
      heldUntil: row.heldUntil === null ? null : instant(row.heldUntil.getTime()),
    },
    limit,
    now,
  );
  // Another's turn may have been given back by time since: then the next try takes it.
  return turn.kind === "wait" ? turn.span : millis(0);
}

function refusal(provider: string, operation: string, span: Millis): ProviderError {
  const message = `the next call is due in ${Math.ceil(span / 1_000)} s`;
  return new ProviderError("rate-limited", provider, operation, message, { retryAfterMs: span });
}
