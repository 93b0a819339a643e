/** The simulated computers behind the interfaces that a keeper uses. */
import { instant } from "@/lib/kernel/clock.ts";
import type { Engine } from "@/lib/engine/engine.ts";
import type {
  EffectKey,
  MachineRef,
  Provider,
  ProviderCapabilities,
} from "@/lib/providers/provider.ts";
import type { Computers } from "./computers.ts";

/** The provider of these computers as a keeper asks it. */
export function providerOf(computers: Computers): Provider {
  const capabilities: ProviderCapabilities = {
    ...computers.abilities,
    restBilling: "none",
    billing: { usageSnapshot: false, instanceCost: false },
  };
  const act =
    (operation: "start" | "stop" | "destroy") => async (ref: MachineRef, key: EffectKey) => {
      await Promise.resolve(computers.act(operation, ref, key));
    };
  return {
    name: "simulated",
    capabilities,
    status: async (ref) => await Promise.resolve(computers.status(ref)),
    create: async (ref, key, onIdKnown) => {
      const externalId = computers.act("create", ref, key);
      if (externalId !== null) await onIdKnown(externalId);
    },
    start: act("start"),
    stop: act("stop"),
    destroy: act("destroy"),
    list: () =>
      Promise.resolve(
        [...computers.all].map(({ externalId, machineId, power }) => ({
          externalId,
          machineId,
          rawState: power,
          createdAt: instant(0),
        })),
      ),
    close: () => Promise.resolve(),
  };
}

/** Their engines. */
export function engineOf(computers: Computers): Engine {
  return {
    look: async (baseUrl, { sleeps }) => await Promise.resolve(computers.look(baseUrl, sleeps)),
    nap: async (baseUrl) => await Promise.resolve(computers.sleep(baseUrl, true)),
    rouse: async (baseUrl) => await Promise.resolve(computers.sleep(baseUrl, false)),
    models: () => Promise.resolve([]),
  };
}
