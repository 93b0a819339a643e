/** One virtual machine of the simulated account: what it is, and the spans it is billed for. */

import type { Adjustment, Span } from "./bill.ts";
import type { Flavor } from "./catalog.ts";
import type { VmStatus } from "./options.ts";
import type { MachineEngine } from "./user_data.ts";

export type SecurityRule = {
  readonly direction: "ingress" | "egress";
  readonly ethertype: "IPv4" | "IPv6";
  readonly protocol: string;
  readonly remoteIpPrefix: string;
  readonly portMin: number | null;
  readonly portMax: number | null;
};

export type Environment = { readonly id: number; readonly name: string; readonly region: string };
export type Keypair = {
  readonly id: number;
  readonly name: string;
  readonly environment: string;
  readonly publicKey: string;
  readonly createdMs: number;
};

/** What a create asks for, already checked against the catalogue. */
export type VmSpec = {
  readonly name: string;
  readonly environment: Environment;
  readonly flavor: Flavor;
  readonly keyName: string;
  readonly image: string;
  readonly userData: string;
  readonly assignFloatingIp: boolean;
  readonly portRandomization: boolean;
  readonly rules: readonly SecurityRule[];
  readonly labels: readonly string[];
  readonly callbackUrl: string | null;
  readonly bootableVolume: boolean;
};

export type Note = { readonly atMs: number; readonly type: string; readonly message: string };

export type Vm = {
  readonly id: number;
  readonly spec: VmSpec;
  readonly engine: MachineEngine | null;
  readonly createdMs: number;
  readonly fixedIp: string;
  labels: readonly string[];
  rules: readonly SecurityRule[];
  status: VmStatus;
  /** What it was before the present status. */
  statusBefore: VmStatus;
  /** The last status without an operation in flight. */
  vmState: VmStatus;
  floatingIp: string | null;
  retainIp: boolean;
  holdsGpu: boolean;
  /** From when the engine's port is open; null while there is no engine. */
  engineAtMs: number | null;
  /** Counts the starts of the engine: another number is another process. */
  engineStarts: number;
  terminatedMs: number | null;
  /** Raised by every change of status, so that what was planned before it lapses. */
  epoch: number;
  readonly spans: Span[];
  readonly adjustments: Adjustment[];
  readonly notes: Note[];
};

/** The statuses with no operation in flight. */
export const SETTLED: ReadonlySet<VmStatus> = new Set([
  "ACTIVE",
  "SHUTOFF",
  "HIBERNATED",
  "ERROR",
  "DELETED",
]);

/** Whether a port answers: an engine that is up, behind an address and a rule that lets it in. */
export function isServing(vm: Vm, nowMs: number): boolean {
  const { engine } = vm;
  return engine !== null && vm.status === "ACTIVE" && vm.floatingIp !== null &&
    vm.engineAtMs !== null && nowMs >= vm.engineAtMs &&
    vm.rules.some((rule) =>
      rule.direction === "ingress" && ["tcp", "any"].includes(rule.protocol) &&
      (rule.portMin ?? 0) <= engine.port && (rule.portMax ?? 65_535) >= engine.port
    );
}
