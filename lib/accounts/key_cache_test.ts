import assert from "node:assert/strict";
import { instant, manualClock, millis } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { sha256Hex } from "@/lib/kernel/ids.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import type { ApiKey } from "./api_key.ts";
import {
  CONFIRM_AFTER,
  HASHES_KEPT_MAX,
  KeyCache,
  READ_MAX,
  READS_MAX,
  UNCONFIRMED_MAX,
  UNKNOWN_CACHED_MAX,
  UNKNOWN_FOR,
} from "./key_cache.ts";

Deno.test("find() reads a key once, however many requests ask at once", async () => {
  const { cache, reads } = world({ "sk-a": keyOf("key_a") });
  assert.equal(cache.peek("sk-a"), undefined);
  const found = await Promise.all(Array.from({ length: 50 }, () => cache.find("sk-a")));
  assert.deepEqual(new Set(found.map((key) => key?.id)), new Set(["key_a"]));
  assert.equal(cache.peek("sk-a")?.id, "key_a");
  assert.equal(reads(), 1);
});

Deno.test("find() believes that a secret is nobody's for two seconds", async () => {
  const { cache, reads, clock } = world({});
  assert.equal(await cache.find("sk-x"), null);
  clock.advance(millis(UNKNOWN_FOR - 1));
  assert.equal(cache.peek("sk-x"), null);
  clock.advance(millis(1));
  assert.equal(cache.peek("sk-x"), undefined);
  assert.equal(await cache.find("sk-x"), null);
  assert.equal(reads(), 2);
});

Deno.test("find() remembers a bounded number of secrets that are nobody's", async () => {
  const { cache } = world({ "sk-a": keyOf("key_a") });
  await cache.find("sk-a");
  for (let i = 0; i < UNKNOWN_CACHED_MAX + 500; i++) await cache.find(`sk-random-${i}`);
  assert.equal(cache.size, UNKNOWN_CACHED_MAX + 1);
  assert.equal(cache.peek("sk-a")?.id, "key_a");
});

Deno.test("a change forgets the key it names and every secret that was nobody's", async () => {
  const { cache, keys, events } = world({ "sk-a": keyOf("key_a"), "sk-b": keyOf("key_b") });
  for (const secret of ["sk-a", "sk-b", "sk-new"]) await cache.find(secret);
  keys["sk-a"] = { ...keyOf("key_a"), revokedAt: instant(1) };
  keys["sk-new"] = keyOf("key_new");
  events.tell("key_a");
  assert.equal(cache.peek("sk-a"), undefined);
  assert.equal(cache.peek("sk-b")?.id, "key_b");
  assert.equal((await cache.find("sk-a"))?.revokedAt, 1);
  assert.equal((await cache.find("sk-new"))?.id, "key_new");
});

Deno.test("a secret whose hash is remembered is judged anew each time", async () => {
  const { cache, keys, events, clock } = world({ "sk-a": keyOf("key_a") });
  await cache.find("sk-a");
  for (let i = 0; i < 3; i++) assert.equal(cache.peek("sk-a")?.id, "key_a");
  delete keys["sk-a"];
  events.tell("key_a");
  assert.equal(cache.peek("sk-a"), undefined);
  assert.equal(await cache.find("sk-a"), null);
  assert.equal(cache.peek("sk-a"), null);
  clock.advance(UNKNOWN_FOR);
  assert.equal(cache.peek("sk-a"), undefined);
});

Deno.test("more keys than there are hashes remembered are all known", async () => {
  const secrets = Array.from({ length: HASHES_KEPT_MAX + 10 }, (_, i) => `sk-${i}`);
  const { cache } = world(Object.fromEntries(secrets.map((secret) => [secret, keyOf(secret)])));
  for (const secret of secrets) await cache.find(secret);
  for (let round = 0; round < 2; round++) {
    for (const secret of secrets) assert.equal(cache.peek(secret)?.id, secret);
  }
});

Deno.test("a reconnect forgets everything", async () => {
  const { cache, events } = world({ "sk-a": keyOf("key_a") });
  await cache.find("sk-a");
  await cache.find("sk-x");
  events.reload();
  assert.equal(cache.size, 0);
});

Deno.test("find() reads again when a change arrives while it reads, so nothing stale is remembered", async () => {
  const { cache, keys, events, gate } = world({ "sk-a": keyOf("key_a") });
  const first = gate();
  const found = cache.find("sk-a"); // has read the good row, which is on its way
  keys["sk-a"] = { ...keyOf("key_a"), revokedAt: instant(1) };
  events.tell("key_a");
  first();
  assert.equal((await found)?.revokedAt, 1);
  assert.equal(cache.peek("sk-a")?.revokedAt, 1);
});

Deno.test("peek() reads an old key again behind the request, without a word from NOTIFY", async () => {
  const { cache, keys, clock, reads } = world({ "sk-a": keyOf("key_a") });
  await cache.find("sk-a");
  keys["sk-a"] = { ...keyOf("key_a"), revokedAt: instant(1) };
  clock.advance(millis(CONFIRM_AFTER - 1));
  cache.peek("sk-a");
  assert.equal(reads(), 1);
  clock.advance(millis(1));
  assert.equal(cache.peek("sk-a")?.revokedAt, null);
  await settled();
  assert.equal(reads(), 2);
  assert.equal(cache.peek("sk-a")?.revokedAt, 1);
});

Deno.test("a known key outlives the database for a minute, then it is 503", async () => {
  const { cache, clock, breakDown, reads } = world({ "sk-a": keyOf("key_a") });
  await cache.find("sk-a");
  breakDown();
  for (let ms = 0; ms < UNCONFIRMED_MAX - 1_000; ms += 1_000) {
    clock.advance(millis(1_000));
    assert.equal((await cache.find("sk-a"))?.id, "key_a");
    await settled();
  }
  assert.ok(reads() > 10, "it kept asking");
  clock.advance(millis(999));
  assert.equal(cache.peek("sk-a")?.id, "key_a");
  clock.advance(millis(1));
  assert.equal(cache.peek("sk-a"), undefined);
  await assert.rejects(cache.find("sk-a"), unavailable);
});

Deno.test("find() asks a broken database about an old key at most once a second", async () => {
  const { cache, clock, breakDown, reads } = world({ "sk-a": keyOf("key_a") });
  await cache.find("sk-a");
  breakDown();
  clock.advance(CONFIRM_AFTER);
  for (let i = 0; i < 100; i++) {
    assert.equal((await cache.find("sk-a"))?.id, "key_a");
    await settled();
  }
  assert.equal(reads(), 2);
});

Deno.test("find() answers an unknown key with 503, never 401, while the database is away", async () => {
  const { cache, breakDown } = world({});
  breakDown();
  await assert.rejects(cache.find("sk-a"), unavailable);
});

Deno.test("find() waits a bounded time for a database that says nothing, with a bounded number of reads", async () => {
  const { cache, clock, gate } = world({});
  gate();
  const waiting = Array.from({ length: READS_MAX }, (_, i) => cache.find(`sk-${i}`));
  const rejected = Promise.all(waiting.map((each) => assert.rejects(each, unavailable)));
  await assert.rejects(cache.find("sk-one-more"), unavailable);
  clock.advance(READ_MAX);
  await rejected;
  // Nobody waits any more, but the database still has them all to answer.
  await assert.rejects(cache.find("sk-late"), unavailable);
});

function unavailable(error: unknown): boolean {
  assert.ok(error instanceof AppError);
  assert.equal(error.status, 503);
  assert.ok((error.retryAfterS ?? 0) >= 1);
  assert.doesNotMatch(error.message, /sk-/);
  return true;
}

/** A cache over a table of secrets that can change, hang and break. */
function world(keys: Record<string, ApiKey>) {
  const clock = manualClock();
  let reads = 0;
  let broken = false;
  let opened: Promise<void> | null = null;
  const listeners: { tell: (id: string) => void; reload: () => void }[] = [];
  const events = {
    on(_channel: string, tell: (id: string) => void, reload: () => void) {
      listeners.push({ tell, reload });
      return () => listeners.splice(0);
    },
    tell: (id: string) => listeners.forEach((each) => each.tell(id)),
    reload: () => listeners.forEach((each) => each.reload()),
  };
  async function findKey(hash: string): Promise<ApiKey | null> {
    reads++;
    if (broken) throw Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
    const key = Object.entries(keys).find(([secret]) => sha256Hex(secret) === hash)?.[1] ?? null;
    await opened;
    return key;
  }
  return {
    cache: new KeyCache({ findKey, events, clock, log: silentLog }),
    keys,
    clock,
    events,
    reads: () => reads,
    breakDown: () => broken = true,
    /** Holds every answer back until the returned function is called. */
    gate() {
      const { promise, resolve } = Promise.withResolvers<void>();
      opened = promise;
      return () => {
        opened = null;
        resolve();
      };
    },
  };
}

function keyOf(id: string): ApiKey {
  return {
    id,
    accountId: "acc_1",
    name: id,
    shownPrefix: "sk-ember-abcdefg",
    models: null,
    requestsPerMinute: null,
    tokensPerMinute: null,
    createdAt: instant(0),
    expiresAt: null,
    revokedAt: null,
  };
}

/** Lets every promise that can go on go on. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
