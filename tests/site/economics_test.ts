/** The economics pages with a bill and without: a figure is a number, or says why it is none. */
import assert from "node:assert/strict";
import { instant, systemClock } from "@/lib/kernel/clock.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { FOLD_NAMES } from "@/lib/ledger/folds.ts";
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
  for (
    const [nr, [ago, to]] of ([[9, "loading"], [8, "ready"], [2, "asleep"]] as const).entries()
  ) {
    await sql`
      insert into operations (id, at, kind, machine_id, tier, generation, from_place, to_place, because)
      values (${newId("opr", systemClock.now())}, ${at(ago)}, 'move', ${id}, 'h100-spot', ${
      nr + 1
    }, 'x', ${to}, 't')`;
  }
  await sql`
    insert into wakes (
      id, tier, machine_id, asked_at, deadline, from_place, power_asked_at, power_on_at, healthy_at, ended_at, outcome
    ) values (
      ${newId("wak", systemClock.now())}, 'h100-spot', ${id}, ${at(10)}, ${at(1)}, 'asleep', ${
    at(10)
  },
      ${at(9)}, ${at(8)}, ${at(8)}, 'served'
    )`;
  await sql`
    insert into lineups (id, sha256, document, in_force_from)
    values (${newId("lin", systemClock.now())}, 'x', ${
    sql.json([{ name: "h100-spot", watts: 700 }])
  }, ${at(30)})`;
  await rollUp(sql, instant(now));
}

const textOf = (html: string) => html.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");

Deno.test("a deployment without bills says so; one with bills shows what a million tokens cost and what the money was for", async () => {
  await withSite(async (site) => {
    const text = textOf(await (await fetch(`${site.url}/economics`)).text());
    assert.match(text, /No data yet\. No provider of this deployment sends bills/);
    assert.match(text, /The machines of this deployment are simulated/);
    assert.doesNotMatch(text, /\$0/);
    for (
      const what of ["no request has ended", "no wake has been served", "no machine was powered"]
    ) {
      assert.ok(text.includes(`No data yet: ${what} in the last thirty days`), what);
    }
  });
  await withSite(async (site) => {
    await bill(site.sql);
    const html = await (await fetch(`${site.url}/economics`)).text();
    const text = textOf(html);
    // Nine minutes at four cents lie in the window (its last minute has not ended), over a thousand tokens.
    assert.match(text, /30 days \$360\.00 per Mtok/);
    assert.match(text, /h100-spot 0\.16 0\.00 0\.20 0\.00 0\.00 0\.36/);
    assert.match(text, / m 0\.36 1,000 360\.00 900\.00 /);
    // Powered for seven minutes, busy for one of them, loading for one.
    assert.match(
      text,
      /h100-spot 14\.3 % \(71\.4 %\) 14\.3 % \(71\.4 %\) 14\.3 % \(71\.4 %\) 0\.12 h/,
    );
    assert.match(text, /power on 1 60 s 60 s engine healthy 1 60 s 60 s/);
    assert.match(text, /0\.08 kWh in the last thirty days, reckoned from declared watts/);
    for (const title of ["Realised cost per million tokens", "Money", "Tokens"]) {
      assert.match(html, new RegExp(`aria-label="${title} by UTC day`));
    }
    await withBrowser((browser) => checkAccessible(browser, site, "/economics"));
  });
});

Deno.test("the method page shows the SQL of every fold and of the totals they read, and its last answer", async () => {
  await withSite(async (site) => {
    await bill(site.sql);
    const html = await (await fetch(`${site.url}/economics/method`)).text();
    for (const fold of FOLD_NAMES) {
      const sql = await Deno.readTextFile(
        new URL(`../../lib/ledger/folds/${fold}.sql`, import.meta.url),
      );
      assert.ok(html.includes(`id="${fold}"`), fold);
      assert.ok(textOf(html).length > 0 && unescaped(html).includes(sql.trim()), fold);
    }
    for (const path of ["migrations/0007_rollups.sql", "lib/ledger/roll_usage.sql"]) {
      const sql = await Deno.readTextFile(new URL(`../../${path}`, import.meta.url));
      assert.ok(unescaped(html).includes(sql.trim()), path);
    }
    assert.match(unescaped(html), /"usd_per_mtok": "360\.000000"/);
  });
});

const unescaped = (html: string) =>
  html.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll(
    "&#39;",
    "'",
  ).replaceAll("&amp;", "&");
