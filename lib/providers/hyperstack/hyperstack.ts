/**
 * Hyperstack: machines that hibernate. Its actions are GETs with effects, so none is sent twice without a look, and a
 * machine is found by its name before one is made. Nothing here was run against the real service; each request is held
 * against its documentation by a test.
 */
import type { Clock } from "@/lib/kernel/clock.ts";
import type { HyperstackAccount, HyperstackTier } from "@/lib/kernel/fleet_file_hyperstack.ts";
import {
  type ListedMachine,
  type MachineRef,
  type MachineStatus,
  type Power,
  type Provider,
  ProviderError,
  type TaggedMachine,
} from "../provider.ts";
import { ownTurns, type Turns } from "../turns.ts";
import { created, done, type Instance, momentOf } from "./answers.ts";
import { openBilling } from "./billing.ts";
import { checkTiers } from "./check.ts";
import { type HyperstackClient, openClient } from "./client.ts";
import { createRequest } from "./create_request.ts";
import { directoryOf, machinePath } from "./directory.ts";
import { NAME } from "./failure.ts";
import { taggedMachine } from "./machine_name.ts";
import { listOffers } from "./offers.ts";
import { billedPower, isOffOrFalling, isOnOrRising, powerOf } from "./power.ts";

export type HyperstackOptions = {
  readonly account: HyperstackAccount;
  readonly apiKey: string;
  /** By tier. */
  readonly tiers: ReadonlyMap<string, HyperstackTier & { readonly engineKey: string }>;
  readonly clock: Clock;
  /** By default those of this process alone. */
  readonly turns?: Turns;
};

export function openHyperstack(
  { account, apiKey, tiers, clock, turns }: HyperstackOptions,
): Provider {
  const { base_url: baseUrl, requests_per_minute: perMinute } = account;
  const client = openClient({
    ...{ baseUrl, apiKey, clock },
    turns: turns ?? ownTurns(NAME, perMinute, clock),
  });
  return providerOver(client, account, tiers);
}

/** The provider over any client; apart for tests. */
export function providerOver(
  client: HyperstackClient,
  account: HyperstackAccount,
  tiers: HyperstackOptions["tiers"],
): Provider {
  const directory = directoryOf(client);

  /** Sends an action once. When its answer is lost, what became of the machine says whether it was carried out. */
  async function act(
    operation: string,
    path: string,
    query: Readonly<Record<string, string>>,
    ref: MachineRef,
    isUnderWay: (power: Power) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await client.call(
        { operation, kind: "act", method: "GET", path, query, answer: done },
        signal,
      );
    } catch (error) {
      const isLost = error instanceof ProviderError &&
        (error.kind === "ambiguous-write" || error.kind === "invalid-state");
      if (!isLost) throw error;
      const instance = await directory.find(ref, signal);
      if (instance === null || !isUnderWay(powerOf(instance))) throw error;
    }
  }

  function tierOf(ref: MachineRef, operation: string) {
    const tier = tiers.get(ref.tier);
    if (tier !== undefined) return tier;
    throw new ProviderError(
      "unsupported",
      NAME,
      operation,
      `the lineup no longer has a tier ${ref.tier}`,
    );
  }

  return {
    name: NAME,
    capabilities: {
      rest: "asleep",
      creates: true,
      starts: true,
      restBilling: "storage",
      billing: { usageSnapshot: true, instanceCost: true },
    },
    billing: openBilling(client),

    async status(ref, signal): Promise<MachineStatus> {
      const instance = await directory.find(ref, signal);
      if (instance === null) {
        return { power: "gone", rawState: "not found", externalId: null, baseUrl: null };
      }
      const tier = tiers.get(ref.tier);
      const power = billedPower(instance, tier?.rest ?? "hibernate");
      const port = tier?.port;
      const address = instance.floating_ip;
      const baseUrl = instance.status === "ACTIVE" && power === "on" && address !== null &&
          port !== undefined
        ? `http://${address.includes(":") ? `[${address}]` : address}:${port}`
        : null;
      const rentedAt = momentOf(instance.created_at);
      return {
        power,
        rawState: instance.status,
        externalId: instance.id,
        baseUrl,
        ...(rentedAt === null ? {} : { rentedAt }),
        ...(instance.status === "ACTIVE" ? { isActive: true } : {}),
        ...(instance.status === "SHUTOFF" && power === "on" ? { isHalted: true } : {}),
      };
    },

    async create(ref, _key, onIdKnown, signal): Promise<void> {
      const tier = tierOf(ref, "create");
      // One of this name may exist already: an earlier try whose answer was lost.
      const unnamed = { ...ref, externalId: null };
      const before = await directory.find(unnamed, signal);
      if (before !== null) return await onIdKnown(before.id);
      let id: string;
      try {
        const { instances } = await client.call({
          ...{ operation: "create", kind: "act", method: "POST", path: "/core/virtual-machines" },
          body: createRequest(account, tier, ref),
          answer: created,
        }, signal);
        id = instances[0]?.id ?? "";
      } catch (error) {
        const mayExist = error instanceof ProviderError &&
          (error.kind === "ambiguous-write" || error.kind === "conflict");
        if (!mayExist) throw error;
        const made = await directory.find(unnamed, signal);
        if (made === null) throw error;
        id = made.id;
      }
      await onIdKnown(id);
    },

    async start(ref, _key, signal): Promise<void> {
      const instance = await directory.mustFind(ref, "start", signal);
      switch (instance.status) {
        case "HIBERNATED":
          return await act(
            "restore",
            machinePath(instance.id, "/hibernate-restore"),
            {},
            ref,
            isOnOrRising,
            signal,
          );
        case "SHUTOFF":
          return await act(
            "start",
            machinePath(instance.id, "/start"),
            {},
            ref,
            isOnOrRising,
            signal,
          );
        case "ERROR":
          // It takes no restore; a reboot is all that may mend it. One that stays broken is replaced.
          return await act(
            "reboot",
            machinePath(instance.id, "/hard-reboot"),
            {},
            ref,
            isOnOrRising,
            signal,
          );
        default:
          if (isOnOrRising(powerOf(instance))) return;
          throw wrongState("start", instance);
      }
    },

    async stop(ref, _key, signal): Promise<void> {
      const instance = await directory.mustFind(ref, "stop", signal);
      const { rest, retain_ip } = tiers.get(ref.tier) ?? { rest: "hibernate", retain_ip: false };
      if (isOffOrFalling(billedPower(instance, rest))) return;
      if (instance.status === "SHUTOFF") {
        // Only a running machine can be hibernated: it is started, and the next asking hibernates it.
        return await act(
          "start",
          machinePath(instance.id, "/start"),
          {},
          ref,
          isOnOrRising,
          signal,
        );
      }
      if (instance.status !== "ACTIVE") throw wrongState("stop", instance);
      if (rest === "stop") {
        return await act(
          "stop",
          machinePath(instance.id, "/stop"),
          {},
          ref,
          isOffOrFalling,
          signal,
        );
      }
      const query = { retain_ip: String(retain_ip) };
      await act(
        "hibernate",
        machinePath(instance.id, "/hibernate"),
        query,
        ref,
        isOffOrFalling,
        signal,
      );
    },

    async destroy(ref, _key, signal): Promise<void> {
      const instance = await directory.find(ref, signal);
      if (instance === null || instance.status === "DELETED" || instance.status === "DELETING") {
        return;
      }
      try {
        await client.call({
          ...{
            operation: "destroy",
            kind: "act",
            method: "DELETE",
            path: machinePath(instance.id),
          },
          answer: done,
        }, signal);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        if (error.kind === "not-found") return;
        // Its answer was lost, or it was asked for by another of us just before: a look says whether it goes.
        if (error.kind !== "ambiguous-write" && error.kind !== "conflict") throw error;
        const after = await directory.find(ref, signal);
        if (after !== null && after.status !== "DELETING" && after.status !== "DELETED") {
          throw error;
        }
      }
    },

    async list(deploymentId, signal): Promise<readonly ListedMachine[]> {
      return taggedOf(await directory.all(signal)).filter((each) =>
        each.deploymentId === deploymentId
      );
    },

    listEvery: async (signal) => taggedOf(await directory.all(signal)),
    offers: (region, signal) => listOffers(client, region, signal),
    check: (signal) => checkTiers(client, account, tiers, signal),

    close() {
      client.close();
      return Promise.resolve();
    },
  };
}

/** The machines that are somebody's of ours. */
function taggedOf(all: readonly Instance[]): readonly TaggedMachine[] {
  return all.flatMap((instance): TaggedMachine[] => {
    const tag = taggedMachine(instance);
    const { id: externalId, status: rawState } = instance;
    if (tag === null || rawState === "DELETED") return [];
    return [{ ...tag, externalId, rawState, createdAt: momentOf(instance.created_at) }];
  });
}

function wrongState(operation: string, { status }: Instance): ProviderError {
  return new ProviderError("invalid-state", NAME, operation, `the machine is ${status}`);
}
