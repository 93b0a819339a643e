/** Tests of the folds: the SQL that is published, on rows whose answer is known. */
import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { machineShares } from "./figures_read.ts";
import { FOLD_NAMES, readFolds, runFold } from "./folds.ts";
import { rollUp } from "./rollups.ts";

const NOON = Date.parse("2026-11-20T12:00:00Z");
const MINUTE = 60_000;
const WINDOW = { from: instant(NOON), to: instant(NOON + 60 * MINUTE) };
const at = (minute: number) => new Date(NOON + minute * MINUTE);

async function machine(sql: Sql): Promise<string> {
  const id = newId("mac", instant(NOON));
  await sql`
    insert into machines (id, tier, slot, provider, base_url, place)
    values (${id}, 'spot', 0, 'local', 'http://127.0.0.1:1', 'ready')
  `;
  return id;
}

async function move(sql: Sql, machineId: string, generation: number, to: string, minute: number) {
  await sql`
    insert into operations (id, at, kind, machine_id, tier, generation, from_place, to_place, because)
    values (${newId("opr", instant(NOON))}, ${
    at(minute)
  }, 'move', ${machineId}, 'spot', ${generation}, 'x', ${to}, 'test')
  `;
}

async function request(
  sql: Sql,
  machineId: string | null,
  from: number,
  to: number | null,
  { ended = "complete", errorCode = null }: { ended?: string; errorCode?: string | null } = {},
) {
  const id = newId("req", instant(NOON));
  const isOpen = to === null;
  await sql`
    insert into usage (
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
      stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status, ended, error_code, cost_nano_usd
    ) values (
      ${id}, ${
    at(from)
  }, 'r', 'acc_1', 'key_1', 'rep_1', '/v1/chat/completions', 'm', 'm', 'spot', 'spot', ${machineId},
      false, 0, 0, 10, 5, ${isOpen ? null : at(to)}, ${isOpen ? null : 200}, ${
    isOpen ? null : ended
  }, ${errorCode}, ${isOpen ? null : "0"}
    )
  `;
}

Deno.test("every fold runs on empty tables and answers what it is declared to", async () => {
  await using database = await testDatabase();
  const folds = await readFolds();
  for (const name of FOLD_NAMES) await runFold(database.sql, folds, name, WINDOW);
  const [usage] = await runFold(database.sql, folds, "requests_and_tokens", WINDOW);
  assert.deepEqual(usage, { requests: 0, refused: 0, prompt_tokens: 0, completion_tokens: 0 });
  const [wakes] = await runFold(database.sql, folds, "wakes", WINDOW);
  assert.deepEqual(wakes, { served: 0, not_served: 0, p50_s: null, p95_s: null });
  assert.deepEqual(machineShares([]), { poweredS: 0, busy: null, idle: null });
});

Deno.test("requests_and_tokens counts what ended in the window: from its first instant, not at its end", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const folds = await readFolds();
  const id = await machine(sql);
  await request(sql, id, -5, 0);
  await request(sql, id, -9, -1);
  await request(sql, id, 10, 60);
  await request(sql, id, 20, null);
  await request(sql, null, 30, 30, { ended: "refused", errorCode: "queue_full" });
  await rollUp(sql, WINDOW.to);
  const [usage] = await runFold(sql, folds, "requests_and_tokens", WINDOW);
  assert.deepEqual(usage, { requests: 1, refused: 1, prompt_tokens: 20, completion_tokens: 10 });
  const days = await runFold(sql, folds, "tokens_by_day", WINDOW);
  assert.deepEqual(days, [{
    day: "2026-11-20",
    requests: 1,
    prompt_tokens: 20,
    completion_tokens: 10,
  }]);
});

Deno.test("machine_time counts overlapping requests once, and nothing outside the machine's powered time", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const folds = await readFolds();
  const id = await machine(sql);
  // Loading 0–4, ready 4–30, draining 30–32, stopping 32–33, then asleep; and it was up long before the window.
  await move(sql, id, 1, "ready", -500);
  await move(sql, id, 2, "asleep", -10);
  await move(sql, id, 3, "waking", -2);
  await move(sql, id, 4, "loading", 0);
  await move(sql, id, 5, "ready", 4);
  await move(sql, id, 6, "draining", 30);
  await move(sql, id, 7, "stopping", 32);
  await move(sql, id, 8, "asleep", 33);
  await request(sql, id, 5, 12);
  await request(sql, id, 10, 15);
  await request(sql, id, 29, 31);
  await rollUp(sql, WINDOW.to);
  const [time] = await runFold(sql, folds, "machine_time", WINDOW);
  assert.deepEqual(time, { tier: "spot", powered_s: 33 * 60, busy_s: 12 * 60, idle_s: 16 * 60 });
  const { busy, idle } = machineShares([time ?? assert.fail()]);
  assert.equal(busy, 12 / 33);
  assert.equal(idle, 16 / 33);
});

Deno.test("machine_time clips a stay that goes on, and a request that still runs, to the window", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const folds = await readFolds();
  const id = await machine(sql);
  await move(sql, id, 1, "ready", -30);
  await request(sql, id, 50, null);
  await rollUp(sql, WINDOW.to);
  const [time] = await runFold(sql, folds, "machine_time", WINDOW);
  assert.deepEqual(time, { tier: "spot", powered_s: 3_600, busy_s: 600, idle_s: 3_000 });
});

Deno.test("wake_timeouts counts those who waited, and of them the 504s", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const folds = await readFolds();
  await request(sql, null, 1, 11, { ended: "refused", errorCode: "wake_timeout" });
  await request(sql, null, 2, 2, { ended: "refused", errorCode: "queue_full" });
  await rollUp(sql, WINDOW.to);
  const [row] = await runFold(sql, folds, "wake_timeouts", WINDOW);
  assert.deepEqual(row, { waited: 1, timed_out: 1 });
});

Deno.test("wake_phases counts each phase from the last one that was seen, not below 0, over served wakes", async () => {
  await using database = await testDatabase();
  const { sql } = database;
  const folds = await readFolds();
  const machineId = await machine(sql);
  /** Minutes after the ask: power asked, power on, address, port, healthy, first token. */
  const wake = async (asked: number, outcome: string, steps: readonly (number | null)[]) => {
    const [power, on, address, port, healthy, token] = steps.map((step) =>
      step === null ? null : at(asked + step)
    );
    await sql`
      insert into wakes (
        id, tier, machine_id, asked_at, deadline, from_place, power_asked_at, power_on_at, address_at, port_open_at,
        healthy_at, first_token_at, ended_at, outcome
      ) values (
        ${newId("wak", instant(NOON))}, 'spot', ${machineId}, ${at(asked)}, ${
      at(asked + 20)
    }, 'asleep', ${power ?? null},
        ${on ?? null}, ${address ?? null}, ${port ?? null}, ${healthy ?? null}, ${token ?? null}, ${
      at(asked + 15)
    }, ${outcome}
      )`;
  };
  await wake(0, "served", [1, 3, 3.5, 5, 9, 10]);
  await wake(10, "served", [1, null, null, 4, 3.5, null]); // no word for two phases; a clock that lags
  await wake(20, "failed", [1, 2, 3, 4, null, null]);
  await wake(60, "served", [1, 2, 3, 4, 5, 6]); // of the next window
  const minutes = (nr: number, p50: number, p95: number) => (
    { wakes: nr, p50_s: p50 * 60, p95_s: p95 * 60 }
  );
  assert.deepEqual(await runFold(sql, folds, "wake_phases", WINDOW), [
    { phase: "power asked", ...minutes(2, 1, 1) },
    { phase: "power on", ...minutes(1, 2, 2) },
    { phase: "address known", ...minutes(1, 0.5, 0.5) },
    { phase: "port open", ...minutes(2, 2.25, 2.925) },
    { phase: "engine healthy", ...minutes(2, 2, 3.8) },
    { phase: "first token", ...minutes(1, 1, 1) },
  ]);
});
