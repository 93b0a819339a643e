import assert from "node:assert/strict";
import { openDatabase } from "./database.ts";
import { lineTargetOf } from "./pg_target.ts";

const options = { applicationName: "app", byKey: true };
const wayOf = (url: string) => lineTargetOf(openDatabase({ kind: "url", url }, options));

Deno.test("lineTargetOf() goes where postgres.js would, with the settings of the session", () => {
  const settings = {
    application_name: "app",
    statement_timeout: "30000",
    idle_in_transaction_session_timeout: "15000",
    TimeZone: "UTC",
    plan_cache_mode: "force_generic_plan",
    enable_seqscan: "off",
  };
  assert.deepEqual(wayOf("postgres://us%40er:p%23ss@db.test:6432/rows?sslmode=disable"), {
    kind: "ours",
    address: { hostname: "db.test", port: 6432, keepAliveMs: 60_000 },
    login: { user: "us@er", password: "p#ss", database: "rows", settings },
  });
  const socket = { kind: "socket", path: "/run/s.5432", user: "u", database: "d" } as const;
  assert.deepEqual(lineTargetOf(openDatabase(socket, options)), {
    kind: "ours",
    address: { path: "/run/s.5432" },
    login: { user: "u", password: "", database: "d", settings },
  });
});

Deno.test("lineTargetOf() leaves TLS and a choice of servers to postgres.js, and says so", () => {
  for (
    const [url, because] of [
      ["postgres://u:p@db.test/d?sslmode=require", /TLS/],
      ["postgres://u:p@db.test/d?sslmode=verify-full", /TLS/],
      ["postgres://u:p@db.test/d?sslmode=prefer", /TLS/],
      ["postgres://u:p@db.test/d?ssl=true", /TLS/],
      ["postgres://u:p@db.test/d?sslnegotiation=direct&sslmode=require", /TLS/],
      ["postgres://u:p@a.test:1,b.test:2/d", /several hosts/],
      ["postgres://u:p@db.test/d?target_session_attrs=primary", /several servers/],
    ] as const
  ) {
    const way = wayOf(url);
    assert.ok(way.kind === "theirs", url);
    assert.match(way.because, because);
  }
});
