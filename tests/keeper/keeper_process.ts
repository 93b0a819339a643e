/** One gateway process that keeps machines: it may be slow, pause longer than its lease, or die between any two awaits. */
import { type Clock, type Millis, millis } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import type { Engine } from "@/lib/engine/engine.ts";
import type { Act } from "@/lib/fleet/decide.ts";
import type { EngineSight } from "@/lib/engine/engine.ts";
import { createKeeper } from "@/lib/fleet/keeper.ts";
import type { Demand, MachineStore } from "@/lib/fleet/machine_store.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import type { TierPolicy } from "@/lib/fleet/policy.ts";
import type { Power, Provider } from "@/lib/providers/provider.ts";
import { LawBroken } from "./laws.ts";
import type { Dice, VirtualTime } from "./virtual_time.ts";

export type ProcessFaults = {
  crash: number;
  pause: number;
  pauseSMax: number;
  storeFails: number;
  pokeLost: number;
};

/** What one look was told of its machine. Laws judge its moves by this, not by what it could not know. */
export type Told = {
  power: Power | "no answer";
  engine: EngineSight["health"];
  demand: Demand | null;
};

export type ProcessDeps = {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly faults: () => ProcessFaults;
  /** The store in the name of one look. */
  readonly storeFor: (look: string) => MachineStore;
  readonly provider: Provider;
  readonly engine: Engine;
  readonly policyOf: (machine: Machine) => TierPolicy;
  /** What each look was told, by its name, for whoever judges its moves. */
  readonly looks: Map<string, Told>;
  /** Judges an act at the moment it is called. Throws when it breaks a law. */
  readonly invoked: (told: Told, act: Act, machineId: string, generation: number | null) => void;
  readonly machineAt: (baseUrl: string) => string | null;
  readonly brokeLaw: (error: unknown) => void;
};

const CALL_MS_MAX = 250;
const NEVER = new Promise<never>(() => {});

export class KeeperProcess {
  isDead = false;
  readonly #deps: ProcessDeps;
  readonly #nextLookMs = new Map<string, number>();
  #looks = 0;
  #pausedUntilMs = 0;

  constructor(readonly name: string, deps: ProcessDeps) {
    this.#deps = deps;
  }

  /** One look by a keeper of its own, so that what it was told is not mixed up with what another was. */
  async #look(machineId: string): Promise<void> {
    const name = `${this.name}.${this.#looks++}`;
    const told: Told = { power: "no answer", engine: "unreachable", demand: null };
    this.#deps.looks.set(name, told);
    const provider = this.#provider(told);
    const keeper = createKeeper({
      clock: this.#clock(),
      store: this.#store(name, told),
      providers: new Map([[provider.name, provider]]),
      engine: this.#engine(told),
      policyOf: this.#deps.policyOf,
      deploymentId: "simulated",
      log: silentLog,
    });
    const { againIn } = await keeper.look(machineId);
    this.#deps.looks.delete(name);
    if (againIn === null || this.#deps.dice.chance(this.#deps.faults().pokeLost)) return;
    this.poke(machineId, againIn);
  }

  /** Asks for a look after `span`; an earlier one that is due already stands. */
  poke(machineId: string, span: Millis): void {
    const { time } = this.#deps;
    const dueMs = time.elapsedMs() + span;
    if ((this.#nextLookMs.get(machineId) ?? Infinity) <= dueMs) return;
    this.#nextLookMs.set(machineId, dueMs);
    time.at(time.now() + span, async () => {
      if (this.#nextLookMs.get(machineId) !== dueMs) return;
      this.#nextLookMs.delete(machineId);
      await this.#gate();
      await this.#look(machineId);
    });
  }

  /** The minute's sweep: a look at every machine. */
  async sweep(): Promise<void> {
    await this.#gate();
    const { storeFor, time } = this.#deps;
    const due = await storeFor(this.name).due(time.now());
    await Promise.all(due.map((machineId) => this.#look(machineId)));
  }

  async #gate(): Promise<void> {
    const { time } = this.#deps;
    while (!this.isDead && time.elapsedMs() < this.#pausedUntilMs) {
      await time.sleep(millis(this.#pausedUntilMs - time.elapsedMs()));
    }
    if (this.isDead) await NEVER;
  }

  /** Misfortune between two awaits. */
  async #stumble(): Promise<void> {
    const { dice, faults, time } = this.#deps;
    const { crash, pause, pauseSMax } = faults();
    if (dice.chance(crash)) this.isDead = true;
    if (dice.chance(pause)) {
      {
        this.#pausedUntilMs = time.elapsedMs() + Math.round(dice.between(1, pauseSMax) * 1_000);
      }
    }
    if (dice.chance(0.3)) await time.sleep(millis(dice.between(1, CALL_MS_MAX)));
    await this.#gate();
  }

  async #call<T>(effect: () => Promise<T>): Promise<T> {
    await this.#stumble();
    try {
      const answer = await effect();
      await this.#stumble();
      return answer;
    } catch (error) {
      if (error instanceof LawBroken) this.#deps.brokeLaw(error);
      throw error;
    }
  }

  async #stored<T>(effect: () => Promise<T>): Promise<T> {
    const { dice, faults } = this.#deps;
    return await this.#call(async () => {
      if (dice.chance(faults().storeFails)) throw new Error("connection lost before");
      const answer = await effect();
      if (dice.chance(faults().storeFails)) throw new Error("connection lost after");
      return answer;
    });
  }

  #clock(): Clock {
    const { time } = this.#deps;
    return {
      now: time.now,
      elapsedMs: time.elapsedMs,
      sleep: async (span, signal) => {
        await time.sleep(span, signal);
        await this.#gate();
      },
    };
  }

  #store(name: string, told: Told): MachineStore {
    const store = this.#deps.storeFor(name);
    return {
      due: (now) => this.#stored(() => store.due(now)),
      claim: (machineId, span) => this.#stored(() => store.claim(machineId, span)),
      renew: (claim, span) => this.#stored(() => store.renew(claim, span)),
      release: (claim) => this.#stored(() => store.release(claim)),
      demand: async (machineId, now) => {
        told.demand = await this.#stored(() => store.demand(machineId, now));
        return told.demand;
      },
      setAddress: (claim, address) => this.#stored(() => store.setAddress(claim, address)),
      stampWake: (wakeId, phases, now) => this.#stored(() => store.stampWake(wakeId, phases, now)),
      move: (claim, move, now) => this.#stored(() => store.move(claim, move, now)),
      outcome: (claim, moveId, outcome, detail, now) =>
        this.#stored(() => store.outcome(claim, moveId, outcome, detail, now)),
    };
  }

  #provider(told: Told): Provider {
    const { provider } = this.#deps;
    const act =
      (operation: "start" | "stop" | "destroy"): Provider["start"] => async (ref, key, signal) => {
        this.#invoke(told, operation, ref.machineId, key.generation);
        await this.#call(() => provider[operation](ref, key, signal));
      };
    return {
      ...provider,
      status: async (ref, signal) => {
        const status = await this.#call(() => provider.status(ref, signal));
        if (!signal.aborted) told.power = status.power;
        return status;
      },
      create: async (ref, key, onIdKnown, signal) => {
        this.#invoke(told, "create", ref.machineId, key.generation);
        await this.#call(() => provider.create(ref, key, onIdKnown, signal));
      },
      start: act("start"),
      stop: act("stop"),
      destroy: act("destroy"),
    };
  }

  #engine(told: Told): Engine {
    const { engine, machineAt } = this.#deps;
    const switchSleep = (act: "nap" | "rouse"): Engine["nap"] => async (baseUrl, level, signal) => {
      const machineId = machineAt(baseUrl);
      if (machineId !== null) this.#invoke(told, act, machineId, null);
      await this.#call(() => engine[act](baseUrl, level, signal));
    };
    return {
      ...engine,
      look: async (baseUrl, options, signal) => {
        const sight = await this.#call(() => engine.look(baseUrl, options, signal));
        if (!signal.aborted) told.engine = sight.health;
        return sight;
      },
      nap: switchSleep("nap"),
      rouse: switchSleep("rouse"),
    };
  }

  #invoke(told: Told, act: Act, machineId: string, generation: number | null): void {
    try {
      this.#deps.invoked(told, act, machineId, generation);
    } catch (error) {
      this.#deps.brokeLaw(error);
      throw error;
    }
  }
}
