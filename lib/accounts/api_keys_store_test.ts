import assert from "node:assert/strict";
import { instant, later, manualClock, seconds } from "@/lib/kernel/clock.ts";
import { AppError } from "@/lib/kernel/errors.ts";
import { openEvents } from "@/lib/kernel/events.ts";
import { sha256Hex } from "@/lib/kernel/ids.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { judgeKey } from "./api_key.ts";
import {
  createKey,
  ensureAccount,
  ensureKey,
  findKeyByHash,
  listAccounts,
  listKeys,
  matchKeys,
  type NewKey,
  revokeKey,
} from "./api_keys_store.ts";
import { KeyCache } from "./key_cache.ts";

const doer = { actor: "test", now: instant(Date.UTC(2026, 10, 21)) };
const wanted = (accountId: string, over: Partial<NewKey> = {}): NewKey => ({
  accountId,
  name: "laptop",
  models: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  expiresAt: null,
  ...over,
});

Deno.test("createKey() returns the secret once and keeps only its SHA-256", async () => {
  await using db = await testDatabase();
  const account = await ensureAccount(db.sql, "Ada", doer);
  const expiresAt = later(doer.now, seconds(3_600));
  const { key, secret } = await createKey(
    db.sql,
    wanted(account.id, {
      models: ["small", "large"],
      requestsPerMinute: 60,
      tokensPerMinute: 5_000_000_000,
      expiresAt,
    }),
    doer,
  );
  assert.match(secret, /^sk-ember-[\w-]{43}$/);
  const { createdAt, ...rest } = key;
  assert.ok(createdAt > 0);
  assert.deepEqual(rest, {
    id: key.id,
    accountId: account.id,
    name: "laptop",
    shownPrefix: secret.slice(0, 16),
    models: ["small", "large"],
    requestsPerMinute: 60,
    tokensPerMinute: 5_000_000_000,
    expiresAt,
    revokedAt: null,
  });
  assert.deepEqual(await findKeyByHash(db.sql, sha256Hex(secret)), key);
  assert.equal(await findKeyByHash(db.sql, sha256Hex("sk-other")), null);
  const [all] = await db.sql<{ text: string }[]>`
    select (select jsonb_agg(to_jsonb(api_keys))::text from api_keys)
      || (select jsonb_agg(to_jsonb(audit_log))::text from audit_log) as text`;
  assert.ok(!all?.text.includes(secret));
  assert.ok(!all?.text.includes(secret.slice(0, 17)));
});

Deno.test("createKey() refuses what cannot be, and makes nothing", async () => {
  await using db = await testDatabase();
  const { id } = await ensureAccount(db.sql, "Ada", doer);
  const impossible: Partial<NewKey>[] = [
    { name: " " },
    { models: [] },
    { requestsPerMinute: 0 },
    { requestsPerMinute: 3_000_000_000 },
    { tokensPerMinute: 1.5 },
  ];
  for (const over of impossible) {
    await assert.rejects(createKey(db.sql, wanted(id, over), doer), isRefusal("invalid_request"));
  }
  await assert.rejects(createKey(db.sql, wanted("acc_none"), doer), isRefusal("not_found"));
  assert.deepEqual(await listKeys(db.sql), []);
});

Deno.test("revokeKey() revokes once, and the audit log tells who made and revoked", async () => {
  await using db = await testDatabase();
  const { id } = await ensureAccount(db.sql, "Ada", doer);
  const { key } = await createKey(db.sql, wanted(id), doer);
  const revoked = await revokeKey(db.sql, key.id, { ...doer, actor: "cli:ada" });
  assert.ok(revoked.revokedAt !== null);
  assert.deepEqual(await revokeKey(db.sql, key.id, doer), revoked);
  await assert.rejects(revokeKey(db.sql, "key_none", doer), isRefusal("not_found"));
  const rows = await db.sql`select actor, action, subject from audit_log order by id`;
  assert.deepEqual(rows.map((row) => ({ ...row })), [
    { actor: "test", action: "account.create", subject: id },
    { actor: "test", action: "api_key.create", subject: key.id },
    { actor: "cli:ada", action: "api_key.revoke", subject: key.id },
  ]);
});

Deno.test("ensureAccount() and ensureKey() make one each, however many replicas start at once", async () => {
  await using db = await testDatabase();
  const accounts = await Promise.all(
    Array.from({ length: 4 }, () => ensureAccount(db.sql, "Demo", doer)),
  );
  assert.equal(new Set(accounts.map((account) => account.id)).size, 1);
  const demo = wanted(accounts[0]?.id ?? "", { name: "demo" });
  const keys = await Promise.all(
    Array.from({ length: 4 }, () => ensureKey(db.sql, demo, "demo-key-for-everyone", doer)),
  );
  assert.equal(new Set(keys.map((key) => key.id)).size, 1);
  assert.equal(keys[0]?.shownPrefix, "demo-key");
  assert.equal((await listKeys(db.sql)).length, 1);
});

Deno.test("ensureAccount() refuses a name that cannot be", async () => {
  await using db = await testDatabase();
  for (const name of ["", " ", " Ada", "A".repeat(101)]) {
    await assert.rejects(ensureAccount(db.sql, name, doer), isRefusal("invalid_request"), name);
  }
  assert.equal((await ensureAccount(db.sql, "A", doer)).name, "A");
  assert.deepEqual((await listAccounts(db.sql)).map((account) => account.name), ["A"]);
});

Deno.test("ensureKey() leaves a revoked key revoked", async () => {
  await using db = await testDatabase();
  const { id } = await ensureAccount(db.sql, "Demo", doer);
  const key = await ensureKey(db.sql, wanted(id), "demo-key-for-everyone", doer);
  await revokeKey(db.sql, key.id, doer);
  const again = await ensureKey(db.sql, wanted(id), "demo-key-for-everyone", doer);
  assert.equal(again.id, key.id);
  assert.ok(again.revokedAt !== null);
});

Deno.test("listKeys() and matchKeys() find keys by account, id and shown prefix", async () => {
  await using db = await testDatabase();
  const ada = await ensureAccount(db.sql, "Ada", doer);
  const bob = await ensureAccount(db.sql, "Bob", doer);
  const { key: first } = await createKey(db.sql, wanted(ada.id), doer);
  const { key: second } = await createKey(db.sql, wanted(bob.id), doer);
  const ids = (keys: { id: string }[]) => keys.map((key) => key.id);
  assert.deepEqual(ids(await listKeys(db.sql)).sort(), [first.id, second.id].sort());
  assert.deepEqual(ids(await listKeys(db.sql, { accountId: ada.id })), [first.id]);
  assert.deepEqual(ids(await matchKeys(db.sql, first.id)), [first.id]);
  assert.deepEqual(ids(await matchKeys(db.sql, second.shownPrefix)), [second.id]);
  assert.deepEqual(await matchKeys(db.sql, "key_%"), []);
});

Deno.test("a key revoked through one connection is refused by every replica's cache on NOTIFY alone", async () => {
  await using db = await testDatabase();
  const { id } = await ensureAccount(db.sql, "Ada", doer);
  const { key, secret } = await createKey(db.sql, wanted(id), doer);
  const listening = await Promise.all([
    openEvents(db.target, silentLog),
    openEvents(db.target, silentLog),
  ]);
  // Their time stands still, so no key grows old enough to be read again for that.
  const clock = manualClock();
  const findKey = (hash: string) => findKeyByHash(db.sql, hash);
  const caches = listening.map((events) =>
    new KeyCache({ findKey, events, clock, log: silentLog })
  );
  const everywhere = async (kind: "ok" | "refused") => {
    const keys = await Promise.all(caches.map((cache) => cache.find(secret)));
    return keys.every((each) => judgeKey(each, doer.now).kind === kind);
  };
  try {
    assert.ok(await everywhere("ok"));
    await revokeKey(db.sql, key.id, doer);
    await level(() => everywhere("refused"));
    await level(() => Promise.resolve(caches.every((cache) => cache.peek(secret) !== undefined)));
    assert.ok(await everywhere("refused"));
  } finally {
    caches.forEach((cache) => cache.close());
    await Promise.all(listening.map((events) => events.close()));
  }
});

function isRefusal(code: string) {
  return (error: unknown) => error instanceof AppError && error.code === code;
}

/** Looks until it is so, for at most ten seconds. */
async function level(reached: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < 1_000; looks++) {
    if (await reached()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it never came to that");
}
