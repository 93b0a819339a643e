/** A stranger's database holds what is published and nothing that looks like it. */
import assert from "node:assert/strict";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { dropUnpublished, loadInputs } from "./fresh_database.ts";
import { INPUTS } from "./inputs.ts";

const headers = (file: string) => {
  const input = INPUTS.find(({ name }) => file.replace("_before", "") === `${name}.csv`);
  return Promise.resolve(
    ReadableStream.from([new TextEncoder().encode(`${input?.columns.join(",")}\n`)]),
  );
};

Deno.test("dropUnpublished() leaves no table that a figure could read as empty though it is not published", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  await loadInputs(sql, headers);
  await sql`select from usage`;
  await dropUnpublished(sql);
  for (const table of ["usage", "api_keys", "accounts", "prices", "deployment"]) {
    await assert.rejects(sql`select from ${sql(table)}`, { code: "42P01" }, table);
  }
  for (const { table } of INPUTS) assert.equal((await sql`select from ${sql(table)}`).length, 0);
});

Deno.test("loadInputs() names the file whose rows do not fit", async () => {
  await using database = await testDatabase();
  const bad = (row: string) => (file: string) =>
    file !== "machines.csv" ? headers(file) : Promise.resolve(
      ReadableStream.from([
        new TextEncoder().encode(`created_at,id,tier,slot,provider,retired_at\n${row}\n`),
      ]),
    );
  await assert.rejects(
    loadInputs(database.sql, bad("2026-11-20,mac_1,t")),
    /Cannot load machines\.csv: a row has 3 fields, not 6/,
  );
  await using other = await testDatabase();
  await assert.rejects(
    loadInputs(other.sql, bad("2026-11-20,mac_1,t,zero,p,")),
    /Cannot load machines\.csv: invalid input syntax for type integer/,
  );
});
