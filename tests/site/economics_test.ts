/** The economics page with a bill and without: a figure is a number, or says why it is none. */
import assert from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { rollUp } from "@/lib/ledger/rollups.ts";
import { checkAccessible, withBrowser, withSite } from "./support.ts";

const MINUTE = 60_000;

/** Bills a tier's machine for the last ten minutes, four cents each, and lets it serve a thousand tokens. */
async function bill(sql: Sql): Promise<void> {
  const now = Math.floor(Date.now() / MINUTE) * MINUTE;
  const at = (minutesAgo: number) => new Date(now - minutesAgo * MINUTE);
  const id = newId("mac", systemClock.now());
  await sql`
    insert into machines (id, tier, slot, provider, place) values (${id}, 'h100-spot', 0, 'billed', 'asleep')
  `;
  for (let ago = 10; ago >= 0; ago--) {
    await sql`
      insert into billing_snapshots (provider, minute, outcome, raw, replica_id)
      values ('billed', ${at(ago)}, 'read', '{}', 'rep_1')
    `;
    await sql`
      insert into billing_readings (
        provider, minute, resource_id, resource_created_at, kind, name, machine_id, tier, rate_nano_usd_per_minute,
        total_nano_usd, active
      ) values ('billed', ${at(ago)}, 'vm', ${
      at(20)
    }, 'machine', 'vm', ${id}, 'h100-spot', 0, 0, true)
    `;
    if (ago === 10) continue;
    await sql`
      insert into spend (provider, minute, resource_id, resource_created_at, machine_id, tier, use, nano_usd)
      values ('billed', ${at(ago)}, 'vm', ${at(20)}, ${id}, 'h100-spot', ${
      ago > 5 ? "serving" : "idle"
    }, 40000000)
    `;
  }
  await sql`
    insert into usage (
      id, opened_at, request_id, account_id, key_id, replica_id, route, model_asked, model, tier, band, machine_id,
      stream, admit_ms, wait_ms, prompt_tokens, completion_tokens, closed_at, status, ended, cost_nano_usd
    ) values (
      ${newId("req", systemClock.now())}, ${
    at(8)
  }, 'r', 'acc_1', 'key_1', 'rep_1', '/v1', 'm', 'm', 'h100-spot',
      'spot', ${id}, false, 0, 0, 600, 400, ${at(7)}, 200, 'complete', 0
    )
  `;
  await rollUp(sql, systemClock.now());
}

Deno.test("a deployment without bills says so; one with bills shows what a million tokens cost and what the money was for", async () => {
  await withSite(async (site) => {
    const text = async () =>
      (await (await fetch(`${site.url}/economics`)).text()).replace(/<[^>]+>/g, " ").replace(
        /\s+/g,
        " ",
      );
    assert.match(await text(), /No data yet\. No provider of this deployment sends bills/);
    assert.doesNotMatch(await text(), /\$0/);
  });
  await withSite(async (site) => {
    await bill(site.sql);
    const text = (await (await fetch(`${site.url}/economics`)).text()).replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ");
    // Nine minutes at four cents lie in the window (its last minute has not ended), over a thousand tokens.
    assert.match(text, /30 days \$360\.00 per Mtok/);
    assert.match(text, /h100-spot 0\.16 0\.00 0\.20 0\.00 0\.00 0\.36/);
    await withBrowser((browser) => checkAccessible(browser, site, "/economics"));
  });
});
