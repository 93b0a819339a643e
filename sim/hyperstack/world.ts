/** The simulated account as a pure state machine: moved by calls and by time, the same for the same seed. */

import { type Random, seeded } from "../random.ts";
import { nanoUsdPerHour } from "./bill.ts";
import { FLAVORS, stockKey } from "./catalog.ts";
import {
  type Between,
  DEFAULT_STOCK,
  type Durations,
  type FallbackEngine,
  type Preempted,
  type Prices,
  type StarvedRestore,
  type VmStatus,
} from "./options.ts";
import { noMachine, noStock, type Refusal, refusal, wrongStatus } from "./refusals.ts";
import { engineOf } from "./user_data.ts";
import { isServing, SETTLED, type Vm, type VmSpec } from "./vm.ts";

export type WorldSettings = {
  readonly seed: number;
  readonly addressPrefix: string;
  readonly durations: Durations;
  readonly prices: Prices;
  readonly stock: Readonly<Record<string, number>>;
  readonly fallbackEngine: FallbackEngine | null;
  readonly preemptionsPerHour: number;
  readonly preemptedBecomes: Preempted;
  readonly starvedRestore: StarvedRestore;
};

export type Outcome = { readonly kind: "done" } | Refusal;

export type World = ReturnType<typeof createWorld>;

const DONE: Outcome = { kind: "done" };
const HOUR_MS = 3_600_000;
const ADDRESSES = 250 * 250;

/** An account without machines. Times are epoch milliseconds; every method first lets what is due happen. */
export function createWorld(settings: WorldSettings) {
  const random: Random = seeded(settings.seed);
  const vms = new Map<number, Vm>();
  const free = new Map<string, number>();
  for (const flavor of FLAVORS) {
    free.set(stockKey(flavor), settings.stock[stockKey(flavor)] ?? DEFAULT_STOCK);
  }
  let due: { atMs: number; vm: Vm; epoch: number; happen: (atMs: number) => void }[] = [];
  let lastId = 1_000 + Math.floor(random() * 9_000);
  let addressesGiven = 0;

  const draw = ({ leastMs, mostMs }: Between) =>
    Math.round(leastMs + random() * (mostMs - leastMs));
  const plan = (vm: Vm, atMs: number, happen: (atMs: number) => void) => {
    due.push({ atMs, vm, epoch: vm.epoch, happen });
  };
  const freeOf = (vm: Vm) => free.get(stockKey(vm.spec.flavor)) ?? 0;
  const hold = (vm: Vm) => {
    if (vm.holdsGpu) return;
    vm.holdsGpu = true;
    free.set(stockKey(vm.spec.flavor), freeOf(vm) - vm.spec.flavor.gpuCount);
  };
  const release = (vm: Vm) => {
    if (!vm.holdsGpu) return;
    vm.holdsGpu = false;
    free.set(stockKey(vm.spec.flavor), freeOf(vm) + vm.spec.flavor.gpuCount);
  };
  const canHold = (vm: Vm) => vm.holdsGpu || freeOf(vm) >= vm.spec.flavor.gpuCount;
  /** Addresses are given in turn, so that one that was let go is not soon another's. */
  const newAddress = () => {
    const at = addressesGiven++ % ADDRESSES;
    return `${settings.addressPrefix}.${1 + Math.floor(at / 250)}.${1 + (at % 250)}`;
  };

  const diskNanoUsdPerHour = (vm: Vm) =>
    settings.prices.diskNanoUsdPerGbHour * BigInt(vm.spec.flavor.diskGb);

  /** Closes the open span where the price or the status changed, and opens the next. */
  const reprice = (vm: Vm, atMs: number) => {
    const { flavor } = vm.spec;
    const price = nanoUsdPerHour(vm.status, {
      flavorNanoUsdPerHour: settings.prices.flavorNanoUsdPerHour[flavor.name] ??
        flavor.nanoUsdPerHour,
      // a bootable volume is billed as a volume, in every state
      rootDiskNanoUsdPerHour: vm.spec.bootableVolume ? 0n : diskNanoUsdPerHour(vm),
      addressNanoUsdPerHour: settings.prices.addressNanoUsdPerHour,
      hasAddress: vm.floatingIp !== null,
    });
    const last = vm.spans.at(-1);
    if (last !== undefined) vm.spans[vm.spans.length - 1] = { ...last, toMs: atMs };
    const toMs = vm.status === "DELETED" ? atMs : null;
    vm.spans.push({ status: vm.status, fromMs: atMs, toMs, nanoUsdPerHour: price });
  };
  const enter = (vm: Vm, status: VmStatus, atMs: number, message: string = status) => {
    vm.epoch += 1;
    vm.statusBefore = vm.status;
    vm.status = status;
    if (SETTLED.has(status)) vm.vmState = status;
    if (status !== "ACTIVE") vm.engineAtMs = null;
    if (status === "HIBERNATED" || status === "ERROR" || status === "DELETED") release(vm);
    if ((status === "HIBERNATED" && !vm.retainIp) || status === "DELETED") vm.floatingIp = null;
    if (status === "DELETED") vm.terminatedMs = atMs;
    vm.notes.push({ atMs, type: status, message });
    reprice(vm, atMs);
    if (status === "ACTIVE") becomeActive(vm, atMs);
  };
  const becomeActive = (vm: Vm, atMs: number) => {
    const engineStarts = (fromMs: number) => {
      vm.engineAtMs = fromMs + draw(settings.durations.engine);
      vm.engineStarts += 1;
      // nothing changes but that the port opens: a moment for whoever waits
      plan(vm, vm.engineAtMs, () => {});
    };
    if (vm.spec.assignFloatingIp && vm.floatingIp === null) {
      plan(vm, atMs + draw(settings.durations.address), (at) => {
        vm.floatingIp = newAddress();
        reprice(vm, at);
        engineStarts(at);
      });
    } else engineStarts(atMs);
    if (vm.spec.flavor.spot && settings.preemptionsPerHour > 0) {
      const lifeMs = -Math.log(1 - random()) * HOUR_MS / settings.preemptionsPerHour;
      plan(vm, atMs + Math.ceil(lifeMs), (at) => preempted(vm, settings.preemptedBecomes, at));
    }
  };
  const preempted = (vm: Vm, becomes: Preempted, atMs: number) => {
    release(vm);
    enter(vm, becomes === "gone" ? "DELETED" : becomes, atMs, "Preempted");
  };
  /** Goes through `by` for a while, then to `to`, or to ERROR. */
  const pass = (
    vm: Vm,
    by: VmStatus,
    take: Between,
    to: VmStatus,
    nowMs: number,
    fails: boolean,
  ) => {
    enter(vm, by, nowMs);
    plan(vm, nowMs + draw(take), (at) => enter(vm, fails ? "ERROR" : to, at));
    return DONE;
  };

  const advance = (nowMs: number) => {
    for (;;) {
      due = due.filter((each) => each.epoch === each.vm.epoch);
      let next: typeof due[number] | undefined;
      for (const each of due) if (next === undefined || each.atMs < next.atMs) next = each;
      if (next === undefined || next.atMs > nowMs) return;
      due.splice(due.indexOf(next), 1);
      next.happen(next.atMs);
    }
  };
  const living = (id: number): Vm | null => {
    const vm = vms.get(id);
    return vm === undefined || vm.status === "DELETED" ? null : vm;
  };
  const from = (
    nowMs: number,
    id: number,
    needs: readonly VmStatus[],
    verb: string,
    act: (vm: Vm) => Outcome,
  ): Outcome => {
    advance(nowMs);
    const vm = living(id);
    if (vm === null) return noMachine(id);
    if (!needs.includes(vm.status)) return wrongStatus(verb, vm.status, needs);
    return act(vm);
  };
  const { durations } = settings;

  return {
    advance,
    /** When something next happens by itself; null when nothing will. */
    nextEventMs(): number | null {
      const live = due.filter((each) => each.epoch === each.vm.epoch);
      return live.length === 0 ? null : Math.min(...live.map((each) => each.atMs));
    },
    /** Machines as they were created, deleted ones last known. */
    all: (): readonly Vm[] => [...vms.values()],
    living,
    serving: (nowMs: number): readonly Vm[] =>
      [...vms.values()].filter((vm) => isServing(vm, nowMs)),
    diskNanoUsdPerHour,
    /** GPUs free under a `region/gpu` key. */
    stock: (key: string): number => Math.max(0, free.get(key) ?? 0),
    setStock(key: string, gpus: number): void {
      if (!free.has(key)) throw new RangeError(`Cannot set the stock of "${key}": no such GPU`);
      free.set(key, gpus);
    },
    create(spec: VmSpec, nowMs: number, fails = false): Vm | Refusal {
      advance(nowMs);
      if ((free.get(stockKey(spec.flavor)) ?? 0) < spec.flavor.gpuCount) {
        return noStock(spec.flavor);
      }
      lastId += 1;
      const vm: Vm = {
        id: lastId,
        spec,
        engine: engineOf(spec.userData, settings.fallbackEngine),
        createdMs: nowMs,
        fixedIp: `10.0.${Math.floor(lastId / 250) % 250}.${1 + lastId % 250}`,
        labels: spec.labels,
        rules: spec.rules,
        status: "CREATING",
        statusBefore: "CREATING",
        vmState: "CREATING",
        floatingIp: null,
        retainIp: false,
        holdsGpu: false,
        engineAtMs: null,
        engineStarts: 0,
        terminatedMs: null,
        epoch: 0,
        spans: [],
        adjustments: [],
        notes: [],
      };
      vms.set(vm.id, vm);
      hold(vm);
      enter(vm, "CREATING", nowMs);
      plan(vm, nowMs + draw(durations.creating), (at) => {
        pass(vm, "BUILD", durations.building, "ACTIVE", at, fails);
      });
      return vm;
    },
    stop(id: number, nowMs: number): Outcome {
      return from(
        nowMs,
        id,
        ["ACTIVE"],
        "stop",
        (vm) => pass(vm, "STOPPING", durations.stopping, "SHUTOFF", nowMs, false),
      );
    },
    start(id: number, nowMs: number, fails = false): Outcome {
      return from(nowMs, id, ["SHUTOFF"], "start", (vm) => {
        if (!canHold(vm)) return noStock(vm.spec.flavor);
        hold(vm);
        return pass(vm, "STARTING", durations.starting, "ACTIVE", nowMs, fails);
      });
    },
    reboot(id: number, nowMs: number): Outcome {
      return from(
        nowMs,
        id,
        ["ACTIVE"],
        "reboot",
        (vm) => pass(vm, "REBOOTING", durations.rebooting, "ACTIVE", nowMs, false),
      );
    },
    hibernate(id: number, retainIp: boolean, nowMs: number, fails = false): Outcome {
      return from(nowMs, id, ["ACTIVE"], "hibernate", (vm) => {
        if (!vm.spec.flavor.hibernates) {
          const message = `Flavor ${vm.spec.flavor.name} does not support hibernation`;
          return refusal(400, "bad_request", message);
        }
        vm.retainIp = retainIp;
        return pass(vm, "HIBERNATING", durations.hibernating, "HIBERNATED", nowMs, fails);
      });
    },
    /** `starved` acts as if no GPU were free. */
    restore(id: number, nowMs: number, fails = false, starved = false): Outcome {
      return from(nowMs, id, ["HIBERNATED"], "restore", (vm) => {
        if (canHold(vm) && !starved) {
          hold(vm);
          return pass(vm, "RESTORING", durations.restoring, "ACTIVE", nowMs, fails);
        }
        if (settings.starvedRestore === "refuse") return noStock(vm.spec.flavor);
        const to = settings.starvedRestore === "back" ? "HIBERNATED" : "ERROR";
        return pass(vm, "RESTORING", durations.restoring, to, nowMs, false);
      });
    },
    delete(id: number, nowMs: number): Outcome {
      advance(nowMs);
      const vm = living(id);
      if (vm === null) return noMachine(id);
      if (vm.status === "DELETING") {
        return refusal(409, "already_exist", `Virtual machine ${id} is already being deleted`);
      }
      release(vm);
      return pass(vm, "DELETING", durations.deleting, "DELETED", nowMs, false);
    },
    /** What a provider does to a machine whose hardware it wants back. */
    preempt(id: number, becomes: Preempted, nowMs: number): void {
      advance(nowMs);
      const vm = living(id);
      if (vm === null) throw new RangeError(`Cannot preempt ${id}: no such virtual machine`);
      preempted(vm, becomes, nowMs);
    },
  };
}
