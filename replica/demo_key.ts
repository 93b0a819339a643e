/** The demo's API key: chosen by DEMO_KEY, or made once at the first demo start and shown only then. */
import type { Instant } from "@/lib/kernel/clock.ts";
import type { Config } from "@/lib/kernel/config.ts";
import type { Sql } from "@/lib/kernel/database.ts";
import { createKey, ensureAccount, ensureKey, listKeys } from "@/lib/accounts/api_keys_store.ts";

const ACCOUNT = "demo";
const ACTOR = "demo start";

/** The secret to show now; null when it was made at an earlier start (only its hash was kept), or this is no demo. */
export async function ensureDemoKey(
  sql: Sql,
  config: Config,
  now: Instant,
): Promise<string | null> {
  if (!config.fleet.site.demo) return null;
  const doer = { actor: ACTOR, now };
  const account = await ensureAccount(sql, ACCOUNT, doer);
  const wanted = {
    accountId: account.id,
    name: "demo",
    models: null,
    requestsPerMinute: null,
    tokensPerMinute: null,
    expiresAt: null,
  };
  if (config.demoKey !== null) {
    await ensureKey(sql, wanted, config.demoKey, doer);
    return config.demoKey;
  }
  const made = await listKeys(sql, { accountId: account.id });
  if (made.length > 0) return null;
  const { secret } = await createKey(sql, wanted, doer);
  return secret;
}
