/** The engines behind the machines: a vLLM simulator on each machine's floating IP, started and ended with its state. */

import { millis } from "@/lib/kernel/clock.ts";
import { type Engine, startEngine } from "../engine.ts";
import type { Account } from "./account.ts";
import { isServing, type Vm } from "./vm.ts";

/** The longest wait without a look, should nothing be due. */
const LOOK_MS = 3_600_000;
/** How long a failed start waits for the next try. */
const RETRY_MS = 5_000;

type Running = { readonly key: string; readonly engine: Engine };

export type Engines = {
  /** The engine that answers for a machine now; null while nothing does. */
  of(id: number): Engine | null;
  close(): Promise<void>;
};

/**
 * Keeps the engines as the machines have it. Works on levels: it looks at who should be serving, ends those that
 * should not and starts those that should, whenever something is due or a call changed something.
 */
export function runEngines(account: Account): Engines {
  const running = new Map<number, Running>();
  const stopped = new AbortController();
  let stir = new AbortController();
  account.onChange(() => stir.abort());

  const look = async () => {
    const nowMs = account.now();
    for (const [id, { key, engine }] of running) {
      const vm = account.world.living(id);
      if (vm !== null && isServing(vm, nowMs) && keyOf(vm) === key) continue;
      running.delete(id);
      // a machine that goes takes its connections with it
      await engine.close();
    }
    for (const vm of account.world.serving(nowMs)) {
      if (running.has(vm.id) || stopped.signal.aborted) continue;
      const engine = await startFor(account, vm, () => {
        // a crashed server is started again, as its unit in cloud-init would
        running.delete(vm.id);
        account.changed();
      });
      if (engine !== null) running.set(vm.id, { key: keyOf(vm), engine });
    }
    return account.world.serving(account.now()).every((vm) => running.has(vm.id));
  };
  const turning = (async () => {
    while (!stopped.signal.aborted) {
      // taken anew before the look: a change during it is looked at next
      stir = new AbortController();
      const signal = AbortSignal.any([stir.signal, stopped.signal]);
      const settled = await look();
      const nextMs = account.world.nextEventMs();
      const waitMs = nextMs === null ? LOOK_MS : Math.max(1, nextMs - account.clock.now());
      await account.clock.sleep(millis(settled ? waitMs : Math.min(waitMs, RETRY_MS)), signal);
    }
  })();

  return {
    of: (id) => running.get(id)?.engine ?? null,
    async close() {
      stopped.abort();
      await turning;
      await Promise.all([...running.values()].map(({ engine }) => engine.close()));
      running.clear();
    },
  };
}

/** Another address or another start is another process. */
const keyOf = (vm: Vm): string => `${vm.floatingIp}#${vm.engineStarts}`;

async function startFor(
  { options }: Account,
  vm: Vm,
  onExit: () => void,
): Promise<Engine | null> {
  const { engine, floatingIp } = vm;
  if (engine === null || floatingIp === null) return null;
  try {
    return await startEngine({
      logStats: false,
      ...options.engine,
      host: floatingIp,
      port: engine.port,
      model: engine.model,
      servedModelNames: engine.servedModelNames,
      apiKeys: engine.apiKeys,
      ...(engine.maxModelLen === null ? {} : { maxModelLen: engine.maxModelLen }),
    }, { onExit, log: (line) => options.log(`${vm.spec.name}: ${line}`) });
  } catch (error) {
    options.log(`${vm.spec.name}: engine did not start: ${String(error)}`);
    return null;
  }
}
