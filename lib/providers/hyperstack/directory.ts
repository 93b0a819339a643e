/** Finding machines: one by its id or its name, or all of them, whole or not at all. */
import { type MachineRef, ProviderError } from "../provider.ts";
import { available, type Instance, many, one } from "./answers.ts";
import type { HyperstackClient } from "./client.ts";
import { NAME } from "./failure.ts";
import { machineName } from "./machine_name.ts";

const PAGE_SIZE = 100;
const PAGES_MAX = 100;
/** Pages shift while machines come and go; a list that does not add up is read again. */
const LIST_TRIES = 3;

export type Directory = {
  /** Null when there is none. */
  find(ref: MachineRef, signal: AbortSignal): Promise<Instance | null>;
  /** As `find`; throws `not-found`. */
  mustFind(ref: MachineRef, operation: string, signal: AbortSignal): Promise<Instance>;
  all(signal: AbortSignal): Promise<readonly Instance[]>;
};

export const machinePath = (id: string, rest = "") =>
  `/core/virtual-machines/${encodeURIComponent(id)}${rest}`;

export function directoryOf(client: HyperstackClient): Directory {
  /** By its id, or by its name when we never heard its id; null when there is none. */
  async function find(ref: MachineRef, signal: AbortSignal): Promise<Instance | null> {
    if (ref.externalId === null) {
      const name = machineName(ref.deploymentId, ref.machineId);
      const named = (each: Instance) => each.name === name;
      const found = (await listAll("find", name, signal)).find(named);
      if (found !== undefined) return found;
      // A search that misses would rent a second one: whether the name is free says more.
      const { available: isFree } = await client.call({
        ...{ operation: "find", kind: "read", method: "GET", answer: available },
        path: `/core/virtual-machines/name-availability/${name}`,
      }, signal);
      if (isFree) return null;
      const hidden = (await listAll("find", null, signal)).find(named);
      if (hidden !== undefined) return hidden;
      throw new ProviderError("conflict", NAME, "find", "the name is taken by what no list shows");
    }
    try {
      const { instance } = await client.call({
        ...{
          operation: "status",
          kind: "read",
          method: "GET",
          path: machinePath(ref.externalId),
          answer: one,
        },
      }, signal);
      return instance;
    } catch (error) {
      if (error instanceof ProviderError && error.kind === "not-found") return null;
      throw error;
    }
  }

  /** Every machine, or those whose name matches. Throws rather than answer a part. */
  async function listAll(
    operation: string,
    search: string | null,
    signal: AbortSignal,
  ): Promise<Instance[]> {
    for (let attempt = 1;; attempt++) {
      const found = new Map<string, Instance>();
      let count: number | null = null;
      for (let page = 1; page <= PAGES_MAX; page++) {
        const answer = await client.call({
          ...{
            operation,
            kind: "read",
            method: "GET",
            path: "/core/virtual-machines",
            answer: many,
          },
          query: {
            page: String(page),
            pageSize: String(PAGE_SIZE),
            ...(search === null ? {} : { search }),
          },
        }, signal);
        for (const each of answer.instances) found.set(each.id, each);
        // Under a search it may count what was found, or everything.
        if (search === null) count = answer.count ?? count;
        if (answer.instances.length < PAGE_SIZE) {
          if (count === null || found.size >= count) return [...found.values()];
          break;
        }
      }
      if (attempt >= LIST_TRIES) {
        throw new ProviderError(
          "unavailable",
          NAME,
          operation,
          `its list does not add up: ${found.size} of ${count ?? "many"} machines`,
        );
      }
    }
  }

  return {
    find,
    async mustFind(ref, operation, signal) {
      const instance = await find(ref, signal);
      if (instance !== null) return instance;
      throw new ProviderError("not-found", NAME, operation, "there is no such machine");
    },
    all: (signal) => listAll("list", null, signal),
  };
}
