/** One simulated Hyperstack account, in this process: start it, talk to its API, steer it, close it. */

import { systemClock } from "@/lib/kernel/clock.ts";
import type { Engine } from "../engine.ts";
import { openAccount, type Outage } from "./account.ts";
import { FLAVORS, stockKey } from "./catalog.ts";
import { runEngines } from "./engines.ts";
import type { Fault, FaultPlan, Operation } from "./faults.ts";
import {
  DEFAULT_HYPERSTACK,
  type HyperstackOptions,
  type Preempted,
  type VmStatus,
} from "./options.ts";
import { serveAccount } from "./server.ts";
import { type Invoice, invoiceOf, minuteCosts } from "./statement.ts";

/** A machine as it is, whatever the API says of it. */
export type VmView = {
  readonly id: number;
  readonly name: string;
  readonly flavorName: string;
  readonly status: VmStatus;
  readonly floatingIp: string | null;
  readonly createdMs: number;
  readonly terminatedMs: number | null;
  readonly labels: readonly string[];
  /** What the user data starts, and whether it should answer now. */
  readonly enginePort: number | null;
  readonly serving: boolean;
};

export type HyperstackControl = {
  /** The exact bill of [fromMs, toMs); by default of everything up to now. */
  invoice(span?: { readonly fromMs: number; readonly toMs: number }): Invoice;
  /** One resource's cost in each minute; the minutes add up to its bill. */
  minutes(
    resourceId: string,
    fromMs: number,
    toMs: number,
  ): readonly { readonly minuteMs: number; readonly nanoUsd: bigint }[];
  /** Every machine there ever was. */
  vms(): readonly VmView[];
  /** The engine behind a machine, when `engines` is "real" and it answers. */
  engineOf(vmId: number): Engine | null;
  /** GPUs free in a region for what has none yet. `gpu` as in the flavors, for example `H100-80G-PCIe`. */
  setStock(region: string, gpu: string, gpus: number): void;
  stock(region: string, gpu: string): number;
  /** Takes a machine's hardware away now. */
  preempt(vmId: number, becomes?: Preempted): void;
  outage(outage: Outage): void;
  fault(operation: Operation | "any", fault: Fault | Fault["kind"], plan?: FaultPlan): void;
  /** A credit (below 0) or a correction of a machine's bill, from now on. */
  correct(vmId: number, nanoUsd: bigint): void;
  /** Sets what is left on the prepaid account. */
  setCredit(nanoUsd: bigint): void;
  setUsageLateMs(ms: number): void;
  /** Calls under way, less those whose answer is held back on the account's clock. */
  busy(): number;
};

export type Hyperstack = {
  /** With `/v1`, as the vendor's base URL has it. */
  readonly url: string;
  readonly apiKey: string;
  readonly control: HyperstackControl;
  close(): Promise<void>;
};

const SLOW_MS = 3_000;

/**
 * Starts an account; resolves when its API listens. Needs Linux for `engines: "real"`: machines answer on addresses of
 * their own within 127.0.0.0/8. Not simulated: webhooks, volumes other than boot volumes, resizing, metrics, logs, and
 * the suspension of running machines when the credit is used up (creates, starts and restores are refused).
 */
export async function startHyperstack(
  given: Partial<HyperstackOptions> = {},
): Promise<Hyperstack> {
  const options: HyperstackOptions = { clock: systemClock, ...DEFAULT_HYPERSTACK, ...given };
  if (!/^127(\.\d{1,3}){1}$/.test(options.addressPrefix)) {
    throw new RangeError(
      `Cannot give addresses in ${options.addressPrefix}: give two bytes of 127.0.0.0/8, as 127.44`,
    );
  }
  const account = openAccount(options);
  const { world } = account;
  const closing = new AbortController();
  const server = await serveAccount(account, closing.signal);
  const engines = options.engines === "real" ? runEngines(account) : null;

  return {
    url: `http://${options.host}:${server.port}/v1`,
    apiKey: options.apiKey,
    control: {
      invoice(span) {
        const nowMs = account.now();
        const { fromMs, toMs } = span ?? { fromMs: 0, toMs: nowMs + 1 };
        return invoiceOf(account.resources(), fromMs, Math.min(toMs, nowMs + 1));
      },
      minutes(resourceId, fromMs, toMs) {
        const nowMs = account.now();
        const resource = account.resources().find(({ id }) => String(id) === resourceId);
        if (resource === undefined) {
          throw new RangeError(`Cannot bill "${resourceId}": no such resource`);
        }
        return minuteCosts(resource, fromMs, Math.min(toMs, nowMs + 1));
      },
      vms() {
        const nowMs = account.now();
        const serving = new Set(world.serving(nowMs));
        return world.all().map((vm) => ({
          id: vm.id,
          name: vm.spec.name,
          flavorName: vm.spec.flavor.name,
          status: vm.status,
          floatingIp: vm.floatingIp,
          createdMs: vm.createdMs,
          terminatedMs: vm.terminatedMs,
          labels: vm.labels,
          enginePort: vm.engine?.port ?? null,
          serving: serving.has(vm),
        }));
      },
      engineOf: (vmId) => engines?.of(vmId) ?? null,
      setStock(region, gpu, gpus) {
        // what is due returns its GPUs first
        account.now();
        world.setStock(stockKey({ region, gpu }), gpus);
      },
      stock(region, gpu) {
        account.now();
        return world.stock(stockKey({ region, gpu }));
      },
      preempt(vmId, becomes = options.preemptedBecomes) {
        world.preempt(vmId, becomes, account.now());
        account.changed();
      },
      outage: (outage) => void account.outages.push(outage),
      fault: (operation, fault, plan) =>
        account.faults.plan(operation, typeof fault === "string" ? faultOf(fault) : fault, plan),
      correct(vmId, nanoUsd) {
        const atMs = account.now();
        const vm = world.all().find(({ id }) => id === vmId);
        if (vm === undefined) throw new RangeError(`Cannot correct ${vmId}: no such machine`);
        vm.adjustments.push({ atMs, nanoUsd });
      },
      setCredit(nanoUsd) {
        account.paidNanoUsd += nanoUsd - account.creditNanoUsd();
      },
      setUsageLateMs(ms) {
        account.usageLateMs = ms;
      },
      busy: () => account.answering,
    },
    async close() {
      closing.abort();
      await server.close();
      await engines?.close();
    },
  };
}

/** The flavors and prices an account offers, for tests that need to know them. */
export { FLAVORS };

function faultOf(kind: Fault["kind"]): Fault {
  return kind === "slow" ? { kind, byMs: SLOW_MS } : { kind };
}
