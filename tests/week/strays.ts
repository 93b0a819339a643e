/** Watches for machines that the provider has and nobody knows, and for two of one: how long each lasted. */
import type { Hyperstack, VmView } from "@/sim/hyperstack/start_hyperstack.ts";
import type { VirtualDatabase } from "./virtual_database.ts";

export type StrayWatch = {
  look(nowMs: number): Promise<void>;
  /** By machine of the provider: from when to when nobody knew it. */
  readonly strays: ReadonlyMap<number, { readonly fromMs: number; lastMs: number }>;
};

const GONE: ReadonlySet<VmView["status"]> = new Set(["DELETED", "DELETING"]);

/** A machine is a stray while it is neither the one our table names nor one that is being made by its name. */
export function strayWatch({ sql }: VirtualDatabase, { control }: Hyperstack): StrayWatch {
  const strays = new Map<number, { readonly fromMs: number; lastMs: number }>();
  return {
    strays,
    async look(nowMs) {
      const living = control.vms().filter(({ status }) => !GONE.has(status));
      if (living.length === 0) return;
      const known = await sql<{ id: string; externalId: string | null; place: string }[]>`
        select id, external_id as "externalId", place from machines
      `;
      for (const vm of living) {
        const byId = known.some(({ externalId }) => externalId === String(vm.id));
        const byName = known.some(({ id, externalId, place }) =>
          externalId === null && place !== "absent" && vm.name.includes(id.replace(/^mac_/, ""))
        );
        if (byId || byName) continue;
        const stray = strays.get(vm.id);
        if (stray === undefined) strays.set(vm.id, { fromMs: nowMs, lastMs: nowMs });
        else stray.lastMs = nowMs;
      }
    },
  };
}
