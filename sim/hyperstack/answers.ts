/** The API's answers: Hyperstack's shapes of machines, flavors, keys and stock. */

import type { Account } from "./account.ts";
import { type Flavor, FLAVORS, REGIONS, stockKey } from "./catalog.ts";
import type { VmStatus } from "./options.ts";
import type { Refusal } from "./refusals.ts";
import type { Keypair, SecurityRule, Vm } from "./vm.ts";

export type Answer = { readonly status: number; readonly body: unknown };

/** An answer in the envelope. */
export function ok(message: string, payload: Record<string, unknown> = {}): Answer {
  return { status: 200, body: { status: true, message, ...payload } };
}

export function refused({ status, reason, message }: Omit<Refusal, "kind">): Answer {
  return { status, body: { status: false, message, error_reason: reason } };
}

export const notFound = (what: string): Answer =>
  refused({ status: 404, reason: "not_found", message: `${what} does not exist` });
export const badRequest = (message: string): Answer =>
  refused({ status: 400, reason: "bad_request", message });

/** `YYYY-MM-DDTHH:MM:SS`, UTC, as the API writes moments. */
export function moment(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}

/** A moment of a query; null for what is none. Without a zone it is UTC. */
export function momentMs(text: string): number | null {
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`;
  const ms = Date.parse(zoned);
  return Number.isNaN(ms) ? null : ms;
}

const POWER: Partial<Record<VmStatus, string>> = { ACTIVE: "RUNNING", REBOOTING: "RUNNING" };

/** A machine as the API shows it; `lying` shows the status before the present one. */
export function instance(vm: Vm, lying: boolean) {
  const { spec } = vm;
  const { flavor, environment } = spec;
  const status = lying ? vm.statusBefore : vm.status;
  return {
    id: vm.id,
    name: spec.name,
    status,
    power_state: POWER[status] ?? "SHUTDOWN",
    vm_state: vm.vmState.toLowerCase(),
    created_at: moment(vm.createdMs),
    environment: {
      id: environment.id,
      name: environment.name,
      region: environment.region,
      org_id: 1,
      features: { green_status: "NOT_GREEN" },
    },
    flavor: {
      id: flavor.id,
      name: flavor.name,
      cpu: flavor.cpu,
      ram: flavor.ramGb,
      disk: flavor.diskGb,
      ephemeral: flavor.ephemeralGb,
      gpu: flavor.gpu,
      gpu_count: flavor.gpuCount,
      features: features(flavor),
      labels: [],
    },
    image: { name: spec.image },
    keypair: { name: spec.keyName },
    fixed_ip: vm.fixedIp,
    floating_ip: vm.floatingIp,
    floating_ip_status: vm.floatingIp === null ? null : "ATTACHED",
    port_randomization: spec.portRandomization,
    port_randomization_status: null,
    labels: vm.labels,
    security_rules: vm.rules.map(rule),
    volume_attachments: [],
    locked: false,
    os: spec.image,
    contract_id: null,
    callback_url: spec.callbackUrl,
    requires_public_ip: spec.assignFloatingIp,
  };
}

const features = (flavor: Flavor) => ({
  network_optimised: false,
  no_hibernation: !flavor.hibernates,
  no_snapshot: false,
  local_storage_only: false,
});

export function rule(each: SecurityRule, at: number) {
  return {
    id: at + 1,
    direction: each.direction,
    ethertype: each.ethertype,
    protocol: each.protocol,
    remote_ip_prefix: each.remoteIpPrefix,
    port_range_min: each.portMin,
    port_range_max: each.portMax,
    status: "SUCCESS",
  };
}

/** `GET /core/flavors`: grouped by GPU and region, with whether one is in stock and without a price. */
export function flavorGroups({ world }: Account, region: string | null) {
  const groups = new Map<string, Flavor[]>();
  for (const flavor of FLAVORS) {
    if (region !== null && flavor.region !== region) continue;
    const key = stockKey(flavor);
    groups.set(key, [...groups.get(key) ?? [], flavor]);
  }
  return [...groups.values()].map((flavors) => ({
    gpu: flavors[0]?.gpu,
    region_name: flavors[0]?.region,
    flavors: flavors.map((flavor) => ({
      id: flavor.id,
      name: flavor.name,
      display_name: flavor.name,
      region_name: flavor.region,
      cpu: flavor.cpu,
      ram: flavor.ramGb,
      disk: flavor.diskGb,
      ephemeral: flavor.ephemeralGb,
      gpu: flavor.gpu,
      gpu_count: flavor.gpuCount,
      stock_available: world.stock(stockKey(flavor)) >= flavor.gpuCount,
      created_at: "2024-01-01T00:00:00",
      features: features(flavor),
      labels: [],
    })),
  }));
}

/** `GET /core/stocks`: `available` is text, and `stock-type` has a hyphen. */
export function stocks({ world }: Account) {
  return REGIONS.map((region) => ({
    region,
    "stock-type": "GPU",
    models: [...new Set(FLAVORS.filter((each) => each.region === region).map(stockKey))].map(
      (key) => {
        const gpus = world.stock(key);
        const none = { planned_7_days: "0", planned_30_days: "0", planned_100_days: "0" };
        const fit = [1, 2, 4, 8, 10].map((count) => [`${count}x`, Math.floor(gpus / count)]);
        return {
          model: key.slice(region.length + 1),
          available: String(gpus),
          ...none,
          configurations: Object.fromEntries(fit),
        };
      },
    ),
  }));
}

export function keypair(each: Keypair) {
  return {
    id: each.id,
    name: each.name,
    environment: { name: each.environment },
    public_key: each.publicKey,
    created_at: moment(each.createdMs),
  };
}

/** One page of a list; pages count from 1. */
export function paged<T>(all: readonly T[], page: number, size: number): readonly T[] {
  return all.slice((page - 1) * size, page * size);
}
