import assert from "node:assert/strict";
import fc from "fast-check";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { arrayOf, arraysOf } from "./usage_columns.ts";

Deno.test("arrayOf() says any text, and nothing, as PostgreSQL reads it", async () => {
  await using db = await testDatabase();
  const text = fc.oneof(
    fc.constantFrom("", "NULL", "null", "{", "}", ",", '"', "\\", " ", "{a,b}", '\\"', "\n"),
    // PostgreSQL holds no NUL, and no half of a surrogate pair.
    fc.string({ unit: "grapheme" }).filter((each) => !each.includes("\0")),
  );
  const values = fc.array(fc.option(text), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(values, async (given) => {
      const [row] = await db.sql.unsafe<{ read: (string | null)[] }[]>(
        "select to_json($1::text[]) as read",
        [arrayOf(given)],
      );
      assert.deepEqual(row?.read, given);
    }),
    { numRuns: 200 },
  );
});

Deno.test("arraysOf() gives an array for each column, in their order, of no rows too", () => {
  const columns = {
    id: ["text", (row: { id: string; ok: boolean | null; n: number }) => row.id],
    ok: ["boolean", (row) => row.ok],
    n: ["bigint", (row) => row.n],
  } as const satisfies Parameters<
    typeof arraysOf<{ id: string; ok: boolean | null; n: number }>
  >[0];
  const rows = [{ id: "a", ok: true, n: 1 }, { id: "b", ok: null, n: -2 }];
  assert.deepEqual(arraysOf(columns, rows), ['{"a","b"}', "{true,NULL}", "{1,-2}"]);
  assert.deepEqual(arraysOf(columns, []), ["{}", "{}", "{}"]);
});
