/**
 * The routes of billing. The vendor leaves units open; here `total_up_time` and `usage_time*` are minutes, money is US
 * dollars, and `deleted=true` shows deleted resources besides the living ones.
 */

import type { Account } from "./account.ts";
import { type Answer, badRequest, moment, momentMs, notFound, ok, paged } from "./answers.ts";
import { dollars, minutesWithin, perMinute } from "./bill.ts";
import type { VmStatus } from "./options.ts";
import { type Call, type Route, route, wholeOf } from "./route.ts";
import { costOf, hourlyOf, minutesOf, type Resource, totalOf } from "./statement.ts";

const DAY_MS = 86_400_000;
const PAGE_SIZE = 10;
const PAGE_SIZE_MAX = 100;
/** How far back a history goes that names no start. */
const HISTORY_MS = 30 * DAY_MS;
const VM = "/billing/billing/history/virtual-machine";

export const BILLING_ROUTES: readonly Route[] = [
  route("GET", "/billing/user-credit/credit", "credit", ({ account }) => {
    const credit = account.creditNanoUsd();
    return ok("Getting user credit success", {
      data: { credit: shown(account, credit), threshold: 0, can_create_instance: credit > 0n },
    });
  }),
  route("GET", "/billing/billing/usage", "usage", usage),
  route("GET", "/billing/billing/last-day-cost", "last_day_cost", ({ account, nowMs }) => {
    const toMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
    const sum = (type: Resource["type"]) =>
      total(account.resources().filter((each) => each.type === type), toMs - DAY_MS, toMs);
    const [machines, volumes] = [sum("vm"), sum("volume")];
    return ok("Last day cost retrieved successfully", {
      data: {
        instances_cost: shown(account, machines),
        volumes_cost: shown(account, volumes),
        clusters_cost: 0,
        total_cost: shown(account, machines + volumes),
      },
    });
  }),
  route("GET", "/billing/billing/history", "history", (call) =>
    within(call, (fromMs, toMs) => {
      const { account } = call;
      const resources = account.resources();
      const cost = (type: Resource["type"]) =>
        shown(account, total(resources.filter((each) => each.type === type), fromMs, toMs));
      const all = shown(account, total(resources, fromMs, toMs));
      return ok("Billing history retrieved successfully", {
        billing_history: {
          metrics: {
            incurred_bill: all,
            non_discounted_bill: all,
            vm_cost: cost("vm"),
            volume_cost: cost("volume"),
            snapshot_cost: 0,
            contract_cost: 0,
          },
        },
      });
    })),
  route("GET", VM, "history", (call) =>
    within(call, (fromMs, toMs) => {
      const { query, account } = call;
      const search = query.get("search") ?? "";
      const found = machines(account).filter((each) =>
        each.name.includes(search) && each.createdMs < toMs
      );
      const at = wholeOf(query, "page", 1);
      const size = Math.min(wholeOf(query, "per_page", PAGE_SIZE), PAGE_SIZE_MAX);
      return ok("Billing history retrieved successfully", {
        billing_history_vm: {
          billing_history: paged(found, at, size).map((each) => ({
            attributes: attributes(each),
            metrics: metrics(account, each, fromMs, toMs, call.nowMs),
          })),
        },
        pagination: { page: at, pages: Math.ceil(found.length / size), per_page: size },
      });
    })),
  route(
    "GET",
    `${VM}/:id`,
    "history",
    (call) =>
      withMachine(
        call,
        (machine) =>
          within(call, (fromMs, toMs) =>
            ok("Billing history retrieved successfully", {
              billing_history_vm: {
                attributes: attributes(machine),
                metrics: metrics(call.account, machine, fromMs, toMs, call.nowMs),
              },
            })),
      ),
  ),
  route(
    "GET",
    "/billing/billing/virtual-machine/:id/billing-events",
    "billing_events",
    (call) =>
      withMachine(call, (machine) => {
        const { account, nowMs } = call;
        const events = machine.spans.filter((span) => span.fromMs !== span.toMs).map((span) => ({
          event: span.status,
          event_duration: minutesWithin(span, 0, nowMs + 1),
          price_per_hour: shown(account, span.nanoUsdPerHour),
          start: moment(span.fromMs),
          total_cost: shown(
            account,
            costOf({ ...machine, spans: [span], adjustments: [] }, 0, nowMs + 1),
          ),
        }));
        return ok("Billing events retrieved successfully", { data: events });
      }),
  ),
];

function usage({ account, query, nowMs }: Call): Answer {
  const deleted = query.get("deleted") === "true";
  const environment = query.get("environment");
  // totals may be late; that a resource exists is known at once
  const asOfMs = nowMs - account.usageLateMs;
  const data = account.resources()
    .filter(({ vm, terminatedMs }) =>
      (deleted || terminatedMs === null) &&
      (environment === null || vm.spec.environment.name === environment)
    )
    .map((each) => ({
      resource_id: each.id,
      resource_type: each.type === "vm" ? "virtual_machine" : "volume",
      name: each.name,
      bill_per_minute: shown(account, perMinute(hourlyOf(each, nowMs))),
      total_bill: shown(account, totalOf(each, asOfMs)),
      total_up_time: Object.values(minutesOf(each, 0, asOfMs + 1)).reduce((a, b) => a + b, 0),
      active: each.terminatedMs === null,
      exclude_billing: false,
      create_time: moment(each.createdMs),
      terminate_time: each.terminatedMs === null ? null : moment(each.terminatedMs),
      organization_id: 1,
    }));
  return ok("Billing usage retrieved successfully", { data });
}

function metrics(account: Account, each: Resource, fromMs: number, toMs: number, nowMs: number) {
  const bill = shown(account, costOf(each, fromMs, toMs));
  const price = shown(account, hourlyOf(each, nowMs));
  const minutes = minutesOf(each, fromMs, toMs);
  const of = (status: VmStatus) => minutes[status] ?? 0;
  return {
    incurred_bill: bill,
    non_discounted_bill: bill,
    price_per_hour: price,
    non_discounted_price_per_hour: price,
    usage_time: Object.values(minutes).reduce((a, b) => a + b, 0),
    // what is billed as ACTIVE counts as ACTIVE
    usage_time_ACTIVE: of("ACTIVE") + of("STARTING") + of("STOPPING") + of("REBOOTING"),
    usage_time_SHUTOFF: of("SHUTOFF"),
    usage_time_HIBERNATED: of("HIBERNATED"),
  };
}

const attributes = ({ id, name, vm }: Resource) => ({
  id,
  infrahub_id: vm.id,
  resource_name: name,
  status: vm.status,
  contract_id: null,
});

const shown = ({ options }: Account, nanoUsd: bigint): number =>
  dollars(nanoUsd, options.usageDecimals);

const machines = (account: Account): Resource[] =>
  account.resources().filter(({ type }) => type === "vm");

const total = (resources: readonly Resource[], fromMs: number, toMs: number): bigint =>
  resources.reduce((sum, each) => sum + costOf(each, fromMs, toMs), 0n);

/** Deleted machines have a history too. */
function withMachine(call: Call, answer: (machine: Resource) => Answer): Answer {
  const id = call.params["id"] ?? "";
  const machine = machines(call.account).find((each) => String(each.id) === id);
  return machine === undefined ? notFound(`Virtual machine ${id}`) : answer(machine);
}

/** The span a history asks for; never beyond now. */
function within(call: Call, answer: (fromMs: number, toMs: number) => Answer): Answer {
  const { query, nowMs } = call;
  const [start, end] = [query.get("start_date"), query.get("end_date")];
  const fromMs = start === null ? nowMs - HISTORY_MS : momentMs(start);
  const toMs = end === null ? nowMs + 1 : momentMs(end);
  if (fromMs === null || toMs === null || fromMs >= toMs) {
    return badRequest("start_date and end_date must be YYYY-MM-DDTHH:MM:SS, the start first");
  }
  return answer(fromMs, Math.min(toMs, nowMs + 1));
}
