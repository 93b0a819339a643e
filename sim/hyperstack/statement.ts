/** The account's money: what each resource has cost, exactly, from the spans of its life. */

import { type Adjustment, billed, MINUTE_MS, minutesWithin, type Span } from "./bill.ts";
import type { VmStatus } from "./options.ts";
import type { Vm } from "./vm.ts";

export type ResourceType = "vm" | "volume";

export type Resource = {
  /** The machine's id; a boot volume has the id of its machine with a digit before it. */
  readonly id: number;
  readonly type: ResourceType;
  readonly name: string;
  readonly vm: Vm;
  readonly createdMs: number;
  readonly terminatedMs: number | null;
  readonly spans: readonly Span[];
  readonly adjustments: readonly Adjustment[];
};

export type InvoiceLine = {
  readonly resourceId: string;
  readonly type: ResourceType;
  readonly name: string;
  readonly createdMs: number;
  readonly terminatedMs: number | null;
  readonly totalNanoUsd: bigint;
  /** Minutes billed by status, those at no price included. */
  readonly minutes: Readonly<Partial<Record<VmStatus, number>>>;
};

export type Invoice = {
  readonly fromMs: number;
  readonly toMs: number;
  readonly totalNanoUsd: bigint;
  readonly lines: readonly InvoiceLine[];
};

const VOLUME_ID_OFFSET = 1_000_000;

/** What is billed: machines (address and saved root disk within), and boot volumes by themselves. */
export function resourcesOf(
  vms: readonly Vm[],
  diskNanoUsdPerHour: (vm: Vm) => bigint,
): Resource[] {
  return vms.flatMap((vm): Resource[] => {
    const shared = { vm, createdMs: vm.createdMs, terminatedMs: vm.terminatedMs };
    const machine: Resource = {
      ...shared,
      id: vm.id,
      type: "vm",
      name: vm.spec.name,
      spans: vm.spans,
      adjustments: vm.adjustments,
    };
    if (!vm.spec.bootableVolume) return [machine];
    const span: Span = {
      status: "ACTIVE",
      fromMs: vm.createdMs,
      toMs: vm.terminatedMs,
      nanoUsdPerHour: diskNanoUsdPerHour(vm),
    };
    return [machine, {
      ...shared,
      id: VOLUME_ID_OFFSET + vm.id,
      type: "volume",
      name: `${vm.spec.name}-boot`,
      spans: [span],
      adjustments: [],
    }];
  });
}

/** The cost of a resource in [fromMs, toMs), in nano-dollars. The mark at `toMs` is not in it. */
export function costOf(resource: Resource, fromMs: number, toMs: number): bigint {
  return billed(resource.spans, resource.adjustments, fromMs, toMs);
}

/** Everything billed up to and with this moment: a mark or a correction right now is in it. */
export function totalOf(resource: Resource, nowMs: number): bigint {
  return costOf(resource, 0, nowMs + 1);
}

/** The hourly price of the resource at this moment. */
export function hourlyOf(resource: Resource, nowMs: number): bigint {
  const span = resource.spans.findLast((each) =>
    each.fromMs <= nowMs && (each.toMs === null || nowMs < each.toMs)
  );
  return span?.nanoUsdPerHour ?? 0n;
}

/** Minutes billed in [fromMs, toMs) in each status. */
export function minutesOf(
  resource: Resource,
  fromMs: number,
  toMs: number,
): Partial<Record<VmStatus, number>> {
  const minutes: Partial<Record<VmStatus, number>> = {};
  for (const span of resource.spans) {
    const more = minutesWithin(span, fromMs, toMs);
    if (more > 0) minutes[span.status] = (minutes[span.status] ?? 0) + more;
  }
  return minutes;
}

/** The exact bill of the whole account for [fromMs, toMs). */
export function invoiceOf(resources: readonly Resource[], fromMs: number, toMs: number): Invoice {
  const lines = resources.map((resource): InvoiceLine => ({
    resourceId: String(resource.id),
    type: resource.type,
    name: resource.name,
    createdMs: resource.createdMs,
    terminatedMs: resource.terminatedMs,
    totalNanoUsd: costOf(resource, fromMs, toMs),
    minutes: minutesOf(resource, fromMs, toMs),
  }));
  const totalNanoUsd = lines.reduce((sum, line) => sum + line.totalNanoUsd, 0n);
  return { fromMs, toMs, totalNanoUsd, lines };
}

/**
 * What one resource cost in each minute of [fromMs, toMs): the growth of its rounded total, so that the minutes add up
 * to the total to the nano-dollar.
 */
export function minuteCosts(
  resource: Resource,
  fromMs: number,
  toMs: number,
): { readonly minuteMs: number; readonly nanoUsd: bigint }[] {
  const costs: { minuteMs: number; nanoUsd: bigint }[] = [];
  let before = costOf(resource, 0, fromMs);
  for (let at = Math.ceil(fromMs / MINUTE_MS) * MINUTE_MS; at < toMs; at += MINUTE_MS) {
    const after = costOf(resource, 0, Math.min(at + MINUTE_MS, toMs));
    costs.push({ minuteMs: at, nanoUsd: after - before });
    before = after;
  }
  return costs;
}
