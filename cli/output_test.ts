import assert from "node:assert/strict";
import { span, table, utc } from "./output.ts";

Deno.test("table() aligns columns, numbers to the right, and shows what is missing", () => {
  const rows = [{ name: "a", count: 5 }, { name: "long", count: null }, { name: "", count: 1_000 }];
  const text = table(rows, [
    { header: "name", cell: (row) => row.name },
    { header: "wait", unit: "ms", right: true, cell: (row) => row.count },
  ]);
  assert.equal(text, "NAME  WAIT (MS)\na             5\nlong          -\n-          1000\n");
});

Deno.test("table() shows control characters instead of obeying them", () => {
  const text = table(["\u001b[31mred\nnext"], [{ header: "name", cell: (row) => row }], {
    headed: false,
  });
  assert.equal(text, "\\x1b[31mred\\x0anext\n");
});

Deno.test("table() without rows is its header, and without a header its rows", () => {
  const columns = [{ header: "name", least: 6, cell: (row: string) => row }, {
    header: "b",
    cell: () => "x",
  }];
  assert.equal(table([], columns), "NAME    B\n");
  assert.equal(table(["a"], columns, { headed: false }), "a       x\n");
  assert.equal(table([], columns, { headed: false }), "");
});

Deno.test("span() and utc() write times for people", () => {
  const spans = [
    0,
    999,
    1_000,
    59_999,
    60_000,
    245_000,
    3_599_999,
    3_600_000,
    12_000_000,
    187_200_000,
  ];
  assert.deepEqual(spans.map(span), [
    "0 ms",
    "999 ms",
    "1.0 s",
    "59.9 s",
    "1 min",
    "4 min 5 s",
    "59 min 59 s",
    "1 h",
    "3 h 20 min",
    "2 d 4 h",
  ]);
  assert.equal(utc(Date.UTC(2026, 10, 21, 1, 14, 9, 999)), "2026-11-21T01:14:09Z");
  assert.equal(utc(null), null);
});
