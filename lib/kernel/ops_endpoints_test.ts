import assert from "node:assert/strict";
import { openDatabase } from "./database.ts";
import { createMetrics } from "./metrics.ts";
import { answerOps, type OpsDeps } from "./ops_endpoints.ts";
import { testDatabase } from "./test_database.ts";

const never = new AbortController().signal;
const ask = (deps: OpsDeps, path: string, headers: HeadersInit = {}) =>
  answerOps(deps, new Request(`http://gateway${path}`, { headers }), path);

Deno.test("answerOps() says alive, ready and the metrics, and leaves other paths alone", async () => {
  await using database = await testDatabase();
  const deps = { sql: database.sql, metrics: createMetrics(), metricsToken: null, stopping: never };
  assert.equal((await ask(deps, "/healthz"))?.status, 200);
  assert.deepEqual(await (await ask(deps, "/readyz"))?.json(), { status: "ready" });
  deps.metrics.clientAbortsTotal.inc();
  assert.match(
    await (await ask(deps, "/metrics"))?.text() ?? "",
    /^emberlane_client_aborts_total 1$/m,
  );
  assert.equal(await ask(deps, "/"), null);
  assert.equal(await ask(deps, "/healthz/x"), null);
});

Deno.test("answerOps() is not ready without a database, nor while stopping, and stays alive", async () => {
  const sql = openDatabase(
    { kind: "socket", path: "/nonexistent/.s.PGSQL.5432", user: "postgres", database: "x" },
    { applicationName: "test" },
  );
  const deps = { sql, metrics: createMetrics(), metricsToken: null, stopping: never };
  assert.equal((await ask(deps, "/readyz"))?.status, 503);
  assert.equal((await ask({ ...deps, stopping: AbortSignal.abort() }, "/readyz"))?.status, 503);
  assert.equal((await ask(deps, "/healthz"))?.status, 200);
  await sql.end({ timeout: 0 });
});

Deno.test("answerOps() shows metrics only to who has the token, when one is set", async () => {
  await using database = await testDatabase();
  const token = "0123456789abcdef";
  const deps = {
    sql: database.sql,
    metrics: createMetrics(),
    metricsToken: token,
    stopping: never,
  };
  assert.equal((await ask(deps, "/metrics"))?.status, 401);
  assert.equal(
    (await ask(deps, "/metrics", { authorization: "Bearer 0123456789abcdeg" }))?.status,
    401,
  );
  assert.equal((await ask(deps, "/metrics", { authorization: `Bearer ${token}` }))?.status, 200);
});
