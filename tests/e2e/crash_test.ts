/** The gateway is killed at random moments under load; nothing that a client saw may be missing afterwards. */
import assert from "node:assert/strict";
import { crashTrial } from "./crash_trial.ts";

/** A few here; `deno run -A tests/e2e/crash_trial.ts 100` runs as many as one likes. */
const KILLS = 8;

Deno.test(`after ${KILLS} kills under load every answered request has its row, no row stays open, no machine runs twice or unknown`, async () => {
  const found = await crashTrial(KILLS);
  assert.deepEqual(found.problems, []);
  assert.ok(found.answered > KILLS, "the load was real");
  assert.ok(found.cut > 0, "kills did cut streams short");
});
