/** The audit log: who changed what about accounts and keys. Append-only, in the transaction of the change. */
import type postgres from "postgres";
import type { Instant } from "@/lib/kernel/clock.ts";

/** Who does it, such as `cli:ada`, and when. */
export type Doer = { readonly actor: string; readonly now: Instant };

/** Writes one row. Hand in the transaction that makes the change, so that neither exists without the other. */
export async function writeAudit(
  tx: postgres.TransactionSql<{ bigint: number }>,
  doer: Doer,
  action: "account.create" | "api_key.create" | "api_key.revoke",
  subject: string,
  detail: Readonly<Record<string, string | number | readonly string[] | null>>,
): Promise<void> {
  await tx`
    insert into audit_log (at, actor, action, subject, detail)
    values (${new Date(doer.now)}, ${doer.actor}, ${action}, ${subject}, ${tx.json(detail)})`;
}
