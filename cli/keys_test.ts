import assert from "node:assert/strict";
import { z } from "zod";
import { judgeKey } from "@/lib/accounts/api_key.ts";
import { findKeyByHash } from "@/lib/accounts/api_keys_store.ts";
import { systemClock } from "@/lib/kernel/clock.ts";
import { sha256Hex } from "@/lib/kernel/ids.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { cli, cliJson, fleetFolder } from "./test_cli.ts";

const keyShape = z.object({ id: z.string(), shown_prefix: z.string(), state: z.string() });
const made = z.object({ key: keyShape, secret: z.string() });
const listed = z.object({ keys: z.array(keyShape) });

Deno.test("keys create prints a secret that works, and keys list never shows it", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  const { out, code } = await cliJson(db.target, [
    ...["keys", "create", "--name", "laptop", "--account", "Ada", "--models", "tiny,auto"],
    ...["--rpm", "60", "--tpm", "100000", "--expires", "30d"],
  ], fleet);
  assert.equal(code, 0);
  const { key, secret } = made.parse(JSON.parse(out));
  const known = await findKeyByHash(db.sql, sha256Hex(secret));
  assert.equal(known?.id, key.id);
  assert.deepEqual(known?.models, ["small", "large"]);
  assert.equal(known?.requestsPerMinute, 60);
  assert.equal(known?.tokensPerMinute, 100_000);
  const [created, expires] = [known?.createdAt ?? 0, known?.expiresAt ?? 0];
  assert.ok(Math.abs(expires - created - 30 * 86_400_000) < 60_000);

  for (const format of ["table", "json"]) {
    const list = await cli(db.target, ["keys", "list", "-o", format]);
    assert.ok(list.out.includes(key.id));
    assert.ok(!list.out.includes(secret));
  }
  const [audit] = await db.sql`select actor from audit_log where action = 'api_key.create'`;
  assert.equal(audit?.["actor"], "cli:test");
});

Deno.test("keys create shows the secret on a line of its own for people", async () => {
  await using db = await testDatabase();
  const { out, err } = await cli(db.target, ["keys", "create", "--name", "laptop"]);
  const [secret] = /^sk-ember-[\w-]{43}$/m.exec(out) ?? [];
  assert.ok(secret !== undefined && await findKeyByHash(db.sql, sha256Hex(secret)) !== null);
  assert.match(err, /shown this once/);
});

Deno.test("keys create refuses a model the fleet file does not have, and makes no key", async () => {
  await using db = await testDatabase();
  await using fleet = await fleetFolder();
  const ran = await cli(db.target, ["keys", "create", "--name", "x", "--models", "huge"], fleet);
  assert.equal(ran.code, 1);
  assert.equal(ran.err, 'Cannot allow model "huge": the fleet file has small, large\n');
  assert.deepEqual(listed.parse((await cliJson(db.target, ["keys", "list"])).json).keys, []);
});

Deno.test("keys revoke takes an id, a beginning or the secret, and says what it became", async () => {
  await using db = await testDatabase();
  const create = async (name: string) =>
    made.parse((await cliJson(db.target, ["keys", "create", "--name", name])).json);
  const [a, b, c] = [await create("a"), await create("b"), await create("c")];
  for (const text of [a.key.id, b.key.shown_prefix, c.secret]) {
    const { json, code, err } = await cliJson(db.target, ["keys", "revoke", text]);
    assert.equal(code, 0, err);
    assert.equal(z.object({ key: keyShape }).parse(json).key.state, "revoked");
  }
  for (const { secret } of [a, b, c]) {
    const key = await findKeyByHash(db.sql, sha256Hex(secret));
    assert.equal(judgeKey(key, systemClock.now()).kind, "refused");
  }
  assert.equal((await cli(db.target, ["keys", "revoke", a.key.id])).code, 0);
});

Deno.test("keys revoke refuses to guess, and never repeats what may be a secret", async () => {
  await using db = await testDatabase();
  await cli(db.target, ["keys", "create", "--name", "a"]);
  await cli(db.target, ["keys", "create", "--name", "b"]);
  const several = await cli(db.target, ["keys", "revoke", "sk-ember"]);
  assert.equal(several.code, 1);
  assert.match(several.err, /several begin so; write the id: key_\w+, key_\w+/);
  assert.equal((await cli(db.target, ["keys", "revoke", "sk"])).code, 2);
  const unknown = await cli(db.target, ["keys", "revoke", "sk-ember-of-somebody-else"]);
  assert.equal(unknown.code, 1);
  assert.doesNotMatch(unknown.err, /somebody/);
  const { keys } = listed.parse((await cliJson(db.target, ["keys", "list"])).json);
  assert.deepEqual(keys.map((key) => key.state), ["active", "active"]);
});

Deno.test("keys list tells active, expired and revoked apart, and accounts that are not there", async () => {
  await using db = await testDatabase();
  for (const name of ["a", "b"]) {
    await cli(db.target, ["keys", "create", "--name", name, "--expires", "1d"]);
  }
  await db.sql`update api_keys set expires_at = now() where name = 'a'`;
  const { keys } = listed.parse((await cliJson(db.target, ["keys", "list"])).json);
  assert.deepEqual(keys.map((key) => key.state), ["active", "expired"]);
  const none = await cli(db.target, ["keys", "list", "--account", "Nobody"]);
  assert.equal(none.code, 1);
  assert.match(none.err, /no account "Nobody"/);
});
