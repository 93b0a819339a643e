/**
 * The simulated provider and its engines: computers that take their time, calls that get lost before or after their
 * effect, statuses that fail or lie, power that is taken away, engines that die, hang or never load.
 */
import { instant } from "@/lib/kernel/clock.ts";
import type { EngineHealth } from "@/lib/engine/engine.ts";
import {
  type EffectKey,
  type MachineRef,
  type MachineStatus,
  type Power,
  ProviderError,
  type ProviderErrorKind,
} from "@/lib/providers/provider.ts";
import type { TierPolicy } from "@/lib/fleet/policy.ts";
import type { Faults } from "./faults.ts";
import { broken } from "./laws.ts";
import { Refusals, type Refused } from "./refusals.ts";
import type { Dice, VirtualTime } from "./virtual_time.ts";

export type EngineState = "loading" | "healthy" | "dead" | "hung";

export type Computer = {
  readonly externalId: string;
  readonly machineId: string;
  power: Exclude<Power, "gone" | "unknown">;
  engine: EngineState;
  asleep: boolean;
  /** The generation it was started by, and whether it went off by itself since. */
  startedBy: number | null;
  endedItself: boolean;
  /** Grows when its power changes, so that what was under way for the old state comes to nothing. */
  epoch: number;
  readonly rentedAtMs: number;
  /** Its end was asked for. */
  isEnding: boolean;
};

export type Abilities = Pick<TierPolicy, "rest" | "creates" | "starts">;

export class Computers {
  readonly all = new Set<Computer>();
  /** The newest effect carried out, per machine: older ones are refused. */
  readonly #fences = new Map<string, number>();
  readonly #refusals: Refusals;
  #made = 0;

  constructor(
    readonly time: VirtualTime,
    readonly dice: Dice,
    readonly faults: () => Faults,
    readonly abilities: Abilities,
    /** Whether keepers neither die nor pause nor lose their store: then they have no excuse. */
    isCalm: boolean,
  ) {
    this.#refusals = new Refusals(time, dice, faults, isCalm);
  }

  /** What was refused last for a machine and not granted since. */
  refusedLast(machineId: string): Refused | undefined {
    return this.#refusals.last.get(machineId);
  }

  of(machineId: string): Computer | undefined {
    for (const computer of this.all) if (computer.machineId === machineId) return computer;
    return undefined;
  }

  make(machineId: string, power: Computer["power"]): Computer {
    if (this.of(machineId) !== undefined) broken(`${machineId} has two computers`);
    const externalId = `ext-${++this.#made}`;
    const computer: Computer = {
      externalId,
      machineId,
      power,
      engine: "loading",
      asleep: false,
      startedBy: null,
      endedItself: false,
      epoch: 0,
      rentedAtMs: this.time.now(),
      isEnding: false,
    };
    this.all.add(computer);
    return computer;
  }

  /** What really is. */
  truth(machineId: string): Power {
    return this.of(machineId)?.power ?? "gone";
  }

  status(ref: MachineRef): MachineStatus {
    const faults = this.faults();
    if (this.dice.chance(faults.statusFails)) throw this.#error("status", "unavailable");
    const computer = this.of(ref.machineId);
    const truth = this.truth(ref.machineId);
    const power = this.#perhapsLie(truth, faults);
    if (power !== truth) this.#refusals.excuse(ref.machineId);
    return {
      power,
      rawState: power,
      externalId: power === "gone" ? null : computer?.externalId ?? null,
      baseUrl: power === "on" && computer !== undefined ? `http://${computer.externalId}` : null,
      ...this.#endedAs(computer),
      ...(this.abilities.creates && computer !== undefined
        ? { rentedAt: instant(computer.rentedAtMs) }
        : {}),
    };
  }

  /** Only a provider of processes can tell that a start ended by itself. */
  #endedAs(computer: Computer | undefined): { endedAs?: number } {
    const { creates, starts } = this.abilities;
    const startedBy = computer?.startedBy ?? null;
    if (creates || !starts || startedBy === null || computer?.endedItself !== true) return {};
    return { endedAs: startedBy };
  }

  /** It goes off, and nobody asked. */
  #end(computer: Computer): void {
    this.#become(computer, "off");
    computer.endedItself = true;
  }

  #perhapsLie(truth: Power, faults: Faults): Power {
    if (!this.#isOurs()) return truth;
    if (!this.dice.chance(faults.statusLies)) return truth;
    return truth === "on" ? "off" : truth === "off" ? "on" : truth;
  }

  act(
    operation: "create" | "start" | "stop" | "destroy",
    ref: MachineRef,
    key: EffectKey,
  ): string | null {
    const faults = this.faults();
    if (this.dice.chance(faults.lostBefore)) throw this.#error(operation, "unavailable");
    const fence = this.#fences.get(ref.machineId) ?? -1;
    if (key.generation < fence) throw this.#error(operation, "stale-effect");
    this.#fences.set(ref.machineId, key.generation);
    if (this.abilities.creates) this.#refusals.perhapsRefuse(operation, ref.machineId);
    let computer = this.of(ref.machineId);
    if (!this.dice.chance(faults.ignored)) {
      // The name of one that is being ended is free again.
      if (operation === "create" && (computer === undefined || computer.isEnding)) {
        computer = this.make(ref.machineId, "off");
      }
      if (computer !== undefined) this.#switch(operation, computer, key.generation);
    }
    if (this.dice.chance(faults.lostAfter)) throw this.#error(operation, "ambiguous-write");
    return computer?.externalId ?? null;
  }

  #switch(
    operation: "create" | "start" | "stop" | "destroy",
    computer: Computer,
    generation: number | null,
  ): void {
    const on = computer.power === "on" || computer.power === "rising";
    const faults = this.faults();
    switch (operation) {
      case "create":
      case "start":
        if (on || computer.power === "broken") return;
        if (computer.power === "falling") throw this.#error(operation, "invalid-state");
        this.#become(computer, "rising");
        computer.startedBy = generation;
        computer.endedItself = false;
        if (this.dice.chance(faults.neverOn)) {
          this.#soon(computer, 50, 120, () => this.#end(computer));
        } else if (this.abilities.creates && this.dice.chance(faults.breaksStarting)) {
          this.#soon(computer, 1, 12, () => this.#become(computer, "broken"));
        } else this.#soon(computer, 1, 12, () => this.#switchOn(computer));
        return;
      case "stop":
        if (!on) return;
        this.#become(computer, "falling");
        this.#soon(computer, 1, 12, () => this.#become(computer, "off"));
        return;
      case "destroy":
        computer.isEnding = true;
        this.#become(computer, "falling");
        this.#soon(computer, 1, 12, () => this.all.delete(computer));
    }
  }

  #switchOn(computer: Computer): void {
    this.#become(computer, "on");
    this.load(computer);
  }

  load(computer: Computer): void {
    // Servers that others run are restarted by them until they work.
    const faults = this.#isOurs() ? this.faults() : { diesLoading: 0, neverLoads: 0 };
    computer.engine = "loading";
    computer.asleep = false;
    if (this.dice.chance(faults.diesLoading)) {
      this.#soon(computer, 1, 20, () => this.#end(computer));
    } else if (!this.dice.chance(faults.neverLoads)) {
      this.#soon(computer, 3, 25, () => {
        computer.engine = "healthy";
      });
    }
  }

  #become(computer: Computer, power: Computer["power"]): void {
    computer.power = power;
    computer.engine = "loading";
    computer.asleep = false;
    computer.epoch++;
  }

  #soon(computer: Computer, leastS: number, mostS: number, then: () => void): void {
    const slow = this.dice.chance(this.faults().slow) ? 4 : 1;
    const { epoch } = computer;
    this.time.at(this.time.now() + this.dice.between(leastS, mostS) * 1_000 * slow, () => {
      if (computer.epoch === epoch) then();
    });
  }

  /** One second of bad luck. */
  tick(): void {
    const faults = this.faults();
    for (const computer of this.all) {
      if (computer.power === "off" && this.dice.chance(faults.startedByHandPerS)) {
        this.#switch("start", computer, null);
      }
      const isRented = this.abilities.creates && !computer.isEnding;
      if (isRented && computer.power === "off" && this.dice.chance(faults.breaksAtRestPerS)) {
        this.#become(computer, "broken");
      }
      if (computer.power !== "on") continue;
      if (isRented && this.dice.chance(faults.preemptedPerS)) {
        this.#takeBack(computer);
        continue;
      }
      if (this.#isOurs() && this.dice.chance(faults.powerLostPerS)) this.#end(computer);
      if (computer.engine !== "healthy") continue;
      if (this.dice.chance(faults.engineDiesPerS)) {
        computer.engine = this.dice.chance(0.5) ? "dead" : "hung";
        if (!this.#isOurs()) this.#soon(computer, 20, 60, () => this.load(computer));
      } else if (this.dice.chance(faults.engineFlapsPerS)) {
        computer.engine = "hung";
        this.#soon(computer, 1, 20, () => {
          computer.engine = "healthy";
        });
      }
    }
  }

  #takeBack(computer: Computer): void {
    const becomes = this.dice.pick(["off", "broken", "gone"] as const);
    if (becomes === "gone") this.all.delete(computer);
    else this.#become(computer, becomes);
    computer.epoch++;
  }

  #isOurs(): boolean {
    return this.abilities.starts || this.abilities.creates;
  }

  #error(operation: string, kind: ProviderErrorKind): ProviderError {
    return new ProviderError(kind, "simulated", operation, "simulated");
  }

  /** The engine that answers at an address. */
  #engineAt(baseUrl: string): Computer | null {
    const externalId = baseUrl.slice("http://".length);
    for (const computer of this.all) {
      if (computer.externalId === externalId && computer.power === "on") return computer;
    }
    return null;
  }

  look(baseUrl: string, sleeps: boolean): { health: EngineHealth; portOpen: boolean } {
    const computer = this.#engineAt(baseUrl);
    switch (computer?.engine) {
      case undefined:
      case "loading":
        return { health: "unreachable", portOpen: false };
      case "hung":
        return { health: "unreachable", portOpen: true };
      case "dead":
        return { health: "dead", portOpen: true };
      case "healthy":
        return {
          health: computer?.asleep === true && sleeps ? "asleep" : "healthy",
          portOpen: true,
        };
    }
  }

  sleep(baseUrl: string, asleep: boolean): void {
    const faults = this.faults();
    const computer = this.#engineAt(baseUrl);
    if (this.dice.chance(faults.lostBefore) || computer?.engine !== "healthy") {
      throw new Error("connection refused");
    }
    if (!this.dice.chance(faults.ignored)) computer.asleep = asleep;
    if (this.dice.chance(faults.lostAfter)) throw new Error("connection reset");
  }
}
