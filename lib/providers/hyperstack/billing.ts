/** What Hyperstack bills, for the ledger. */
import { z } from "zod";
import type { Instant } from "@/lib/kernel/clock.ts";
import type { BilledResource, Billing, ResourceKind } from "../billing.ts";
import { credit, dayCost, machineHistory, momentOf, usage } from "./answers.ts";
import type { HyperstackClient } from "./client.ts";
import { malformedAnswer } from "./failure.ts";
import { namedMachine } from "./machine_name.ts";

const USAGE = "billing usage";

const KINDS: readonly (readonly [pattern: RegExp, kind: ResourceKind])[] = [
  [/vm|virtual|instance/i, "machine"],
  [/volume/i, "volume"],
  [/ip/i, "address"],
  [/snapshot/i, "snapshot"],
];

export function openBilling(client: HyperstackClient): Billing {
  return {
    async usage(signal) {
      const raw = await client.call({
        ...{
          operation: USAGE,
          kind: "read",
          method: "GET",
          path: "/billing/billing/usage",
        },
        // What was deleted keeps its last total: without it the end of a machine's bill is never seen.
        query: { deleted: "true" },
        answer: z.unknown(),
      }, signal);
      const parsed = usage.safeParse(raw);
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        throw malformedAnswer(USAGE, "read", `${issue?.path.join(".")}: ${issue?.message}`);
      }
      const resources = parsed.data.data.map((one): BilledResource => ({
        resourceId: one.resource_id,
        kind: KINDS.find(([pattern]) => pattern.test(one.resource_type))?.[1] ?? "other",
        name: one.name,
        machineId: namedMachine(one.name)?.machineId ?? null,
        nanoUsdPerMinute: one.bill_per_minute,
        totalNanoUsd: one.total_bill,
        active: one.active,
        createdAt: momentOf(one.create_time),
        terminatedAt: momentOf(one.terminate_time),
      }));
      return { resources, raw };
    },
    async lastDayCost(signal) {
      const { data } = await client.call({
        ...{ operation: "last day's cost", kind: "read", method: "GET" },
        ...{ path: "/billing/billing/last-day-cost", answer: dayCost },
      }, signal);
      return data.total_cost;
    },
    async machineHistory(externalId, from, to, signal) {
      const { billing_history_vm: { metrics } } = await client.call({
        ...{ operation: "machine history", kind: "read", method: "GET" },
        path: `/billing/billing/history/virtual-machine/${encodeURIComponent(externalId)}`,
        query: { start_date: dateTime(from), end_date: dateTime(to) },
        answer: machineHistory,
      }, signal);
      return {
        billedNanoUsd: metrics.incurred_bill,
        activeMinutes: metrics.usage_time_ACTIVE,
        hibernatedMinutes: metrics.usage_time_HIBERNATED,
        offMinutes: metrics.usage_time_SHUTOFF,
      };
    },
    async credit(signal) {
      const { data } = await client.call({
        ...{ operation: "credit", kind: "read", method: "GET" },
        ...{ path: "/billing/user-credit/credit", answer: credit },
      }, signal);
      return { creditNanoUsd: data.credit, canCreate: data.can_create_instance ?? null };
    },
  };
}

/** `YYYY-MM-DDTHH:MM:SS`, UTC. */
function dateTime(at: Instant): string {
  return new Date(at).toISOString().slice(0, 19);
}
