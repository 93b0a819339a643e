/** Tests of group_commit.ts. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { type GroupCommit, groupCommit, LATER_MS_MAX, QueueFullError } from "./group_commit.ts";
import { testDatabase } from "./test_database.ts";

const fault = (code: string) => Object.assign(new Error(`fault ${code}`), { code });

/** A write that is answered by hand. */
function heldWrite() {
  const flights: { rows: readonly number[]; land: () => void }[] = [];
  const write = (rows: readonly number[]) => {
    const done = Promise.withResolvers<readonly number[]>();
    flights.push({
      rows,
      land: () => done.resolve(rows.map((row) => row * 10)),
    });
    return done.promise;
  };
  return { flights, write };
}

/** `addLater`, whose answer is waited for. */
function later<Row, Result>(group: GroupCommit<Row, Result>, row: Row): Promise<Result> {
  return new Promise((landed, failed) => group.addLater({ row, landed, failed }));
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("groupCommit() writes together what is added in one turn, and gives each row its result", async () => {
  const { flights, write } = heldWrite();
  const group = groupCommit(write);
  const results = Promise.all([1, 2, 3].map((row) => group.add(row)));
  await turn();
  deepEqual(flights.map((flight) => flight.rows), [[1, 2, 3]]);
  flights[0]?.land();
  deepEqual(await results, [10, 20, 30]);
});

Deno.test("groupCommit() lets rows wait while a write is under way, then carries them all", async () => {
  const { flights, write } = heldWrite();
  const group = groupCommit(write, { rowsMax: 3 });
  const results = [group.add(1)];
  await turn();
  for (const row of [2, 3, 4, 5]) results.push(group.add(row));
  await turn();
  equal(flights.length, 1);
  equal(group.waiting, 5);
  flights[0]?.land();
  await turn();
  deepEqual(flights[1]?.rows, [2, 3, 4]);
  flights[1]?.land();
  await turn();
  deepEqual(flights[2]?.rows, [5]);
  flights[2]?.land();
  deepEqual(await Promise.all(results), [10, 20, 30, 40, 50]);
  equal(group.waiting, 0);
});

Deno.test("groupCommit() has as many writes under way as it is allowed, and no more", async () => {
  const { flights, write } = heldWrite();
  const group = groupCommit(write, { rowsMax: 1, flights: 2 });
  const results = [1, 2, 3].map((row) => group.add(row));
  await turn();
  equal(flights.length, 2);
  flights[1]?.land();
  await turn();
  equal(flights.length, 3);
  flights[0]?.land();
  flights[2]?.land();
  deepEqual(await Promise.all(results), [10, 20, 30]);
});

Deno.test("groupCommit() begins a write beside another only for a crowd, not for a row less", async () => {
  const { flights, write } = heldWrite();
  const group = groupCommit(write, { flights: 2, crowd: 3 });
  const results = [group.add(1)];
  await turn();
  results.push(group.add(2), group.add(3));
  await turn();
  equal(flights.length, 1);
  results.push(group.add(4));
  await turn();
  deepEqual(flights[1]?.rows, [2, 3, 4]);
  results.push(group.add(5));
  flights[1]?.land();
  await turn();
  equal(flights.length, 2, "one landed, one is under way, one row waits");
  flights[0]?.land();
  await turn();
  deepEqual(flights[2]?.rows, [5]);
  flights[2]?.land();
  deepEqual(await Promise.all(results), [10, 20, 30, 40, 50]);
});

Deno.test("groupCommit() rejects one row more than its queue holds, and takes rows again once there is room", async () => {
  const { flights, write } = heldWrite();
  const group = groupCommit(write, { queueMax: 2 });
  const results = [group.add(1), group.add(2)];
  await rejects(group.add(3), QueueFullError);
  await turn();
  await rejects(group.add(3), QueueFullError); // those under way count too
  flights[0]?.land();
  await Promise.all(results);
  const next = group.add(3);
  await turn();
  flights[1]?.land();
  equal(await next, 30);
});

Deno.test("groupCommit() rejects only the rows at fault, whatever their pattern, and writes each other row once", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), async (bad) => {
    const kept: number[] = [];
    const group = groupCommit((rows: readonly number[]) => {
      if (rows.some((row) => bad[row])) return Promise.reject(fault("23505"));
      kept.push(...rows);
      return Promise.resolve(rows.map(String));
    }, { rowsMax: 25 });
    const results = await Promise.allSettled(bad.map((_, row) => group.add(row)));
    results.forEach((result, row) => {
      equal(result.status, bad[row] ? "rejected" : "fulfilled");
      if (result.status === "fulfilled") equal(result.value, String(row));
    });
    deepEqual(kept.sort((a, b) => a - b), bad.flatMap((each, row) => each ? [] : [row]));
  }));
});

Deno.test("groupCommit() finds one bad row among a thousand in about twenty writes", async () => {
  let writes = 0;
  const group = groupCommit((rows: readonly number[]) => {
    writes++;
    return rows.includes(617) ? Promise.reject(fault("22003")) : Promise.resolve(rows);
  });
  const results = await Promise.allSettled(Array.from({ length: 1_000 }, (_, i) => group.add(i)));
  equal(results.filter((result) => result.status === "rejected").length, 1);
  ok(writes <= 21, String(writes));
});

Deno.test("groupCommit() rejects the whole batch for a fault that is not a row's", async () => {
  let writes = 0;
  const group = groupCommit(() => {
    writes++;
    return Promise.reject(fault("CONNECTION_CLOSED"));
  });
  const results = await Promise.allSettled([group.add(1), group.add(2)]);
  deepEqual(results.map((result) => result.status), ["rejected", "rejected"]);
  equal(writes, 1);
});

Deno.test("groupCommit() writes rows of a real table, and only the one that breaks its rules is refused", async () => {
  await using db = await testDatabase();
  type Row = { id: string; name: string };
  const group = groupCommit<Row, string>(async (rows) => {
    const written = await db.sql<{ id: string }[]>`
      insert into accounts (id, name)
      select id, name from jsonb_to_recordset(${db.sql.json([...rows])}) as t (id text, name text)
      returning id`;
    return written.map((row) => row.id);
  });
  const ids = Array.from({ length: 100 }, (_, i) => i === 57 ? "wrong" : `acc_${i}`);
  const results = await Promise.allSettled(ids.map((id) => group.add({ id, name: "x" })));
  deepEqual(results.flatMap((each, i) => each.status === "rejected" ? [i] : []), [57]);
  const [count] = await db.sql<{ n: number }[]>`select count(*) as n from accounts`;
  equal(count?.n, 99);
});

Deno.test("addLater() lets a row travel with the next that somebody waits for", async () => {
  const { flights, write } = heldWrite();
  const group = groupCommit(write);
  const results = [later(group, 1), later(group, 2)];
  await turn();
  equal(flights.length, 0);
  results.push(group.add(3));
  await turn();
  deepEqual(flights[0]?.rows, [3, 1, 2]);
  equal(group.waiting, 3);
  flights[0]?.land();
  deepEqual(await Promise.all(results), [10, 20, 30]);
  equal(group.waiting, 0);
});

Deno.test("addLater() writes a row alone when nobody comes, one such write at a time, and nobody waits for it", async () => {
  const { flights, write } = heldWrite();
  const group = groupCommit(write);
  const results = [later(group, 1)];
  while (flights.length === 0) await turn();
  deepEqual(flights[0]?.rows, [1]);
  results.push(later(group, 2));
  const patience = performance.now() + 5 * LATER_MS_MAX;
  while (performance.now() < patience) await turn();
  equal(flights.length, 1, "the second waits for the first");
  results.push(group.add(3));
  await turn();
  deepEqual(flights[1]?.rows, [3, 2], "but not one that somebody waits for");
  for (const flight of flights) flight.land();
  deepEqual(await Promise.all(results), [10, 20, 30]);
});

Deno.test("addLater() takes no more rows than a write carries, and the queue counts them", async () => {
  const { flights, write } = heldWrite();
  const group = groupCommit(write, { rowsMax: 2, queueMax: 4 });
  const results = [later(group, 1), later(group, 2), later(group, 3), group.add(4)];
  await rejects(later(group, 5), QueueFullError);
  await turn();
  deepEqual(flights[0]?.rows, [4, 1, 2]);
  flights[0]?.land();
  while (flights.length < 2) await turn();
  deepEqual(flights[1]?.rows, [3]);
  flights[1]?.land();
  deepEqual(await Promise.all(results), [10, 20, 30, 40]);
});
