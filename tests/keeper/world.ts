/** One run: machines, computers, two keepers, requests, faults that end; every law is checked on the way and at the end. */
import { instant, type Millis } from "@/lib/kernel/clock.ts";
import type { Move } from "@/lib/fleet/machine_store.ts";
import type { Machine } from "@/lib/fleet/place.ts";
import type { TierPolicy } from "@/lib/fleet/policy.ts";
import { REPLACED } from "@/lib/fleet/step.ts";
import { Computers } from "./computers.ts";
import { KeeperProcess, type Told } from "./keeper_process.ts";
import { NO_FAULTS } from "./faults.ts";
import { broken } from "./laws.ts";
import { judgeAct, judgeEnd, judgeMove, judgeWaiting, type Watched } from "./judge.ts";
import { judgeAsk, judgeRented, judgeRentedMove } from "./judge_rented.ts";
import { MemoryStore } from "./memory_store.ts";
import { Requests } from "./requests.ts";
import {
  END_MS,
  FAULTS_MS,
  NO_PROCESS_FAULTS,
  PROBE_AFTER_MS,
  type Scenario,
  scenarioOf,
  TICK,
} from "./scenario.ts";
import { engineOf, providerOf } from "./simulated_provider.ts";
import { Dice, VirtualTime } from "./virtual_time.ts";

export type RunSummary = {
  readonly served: number;
  readonly unserved: number;
  readonly moves: number;
  readonly crashes: number;
  readonly spilled: number;
  readonly refused: number;
  readonly replaced: number;
  readonly preempted: number;
  readonly outlived: number;
  readonly paidS: number;
  readonly endedAtS: number;
};

const KEEPERS = 2;
const SWEEP_EVERY_S = 60;
/** A dead process is started again within this. */
const RESTART_S_MAX = 20;

class World implements Watched {
  readonly time = new VirtualTime();
  readonly dice: Dice;
  readonly store = new MemoryStore(() => this.time.now());
  readonly computers: Computers;
  readonly requests: Requests;
  readonly lastWantedMs = new Map<string, number>();
  readonly hopefulMs = new Map<string, number>();
  readonly acts = new Set<string>();
  readonly wellMs = new Map<string, number>();
  readonly isCalm: boolean;
  readonly isTruthful: boolean;
  readonly #processes: KeeperProcess[] = [];
  readonly #looks = new Map<string, Told>();
  crashes = 0;
  paidS = 0;
  #ticks = 0;
  #broke: unknown = null;
  #probed = false;

  constructor(seed: number, readonly scenario: Scenario) {
    this.dice = new Dice(seed);
    const faults = () => this.faulty ? scenario.faults : NO_FAULTS;
    const { hasNext, policy, processFaults } = scenario;
    this.isTruthful = scenario.faults.statusFails === 0 && scenario.faults.statusLies === 0;
    this.isCalm = processFaults === NO_PROCESS_FAULTS;
    this.computers = new Computers(this.time, this.dice, faults, policy, this.isCalm);
    const poke = (machineId: string, span: Millis) => this.#poke(machineId, span);
    this.requests = new Requests(
      this.time,
      this.dice,
      this.store,
      this.computers,
      policy.attempts,
      poke,
      hasNext,
    );
    this.store.onAsk = (machine) => judgeAsk(this, machine);
    this.store.onMove = (before, after, move, holder) => this.#moved(before, after, move, holder);
    for (let slot = 0; slot < scenario.machines; slot++) this.#addMachine(slot);
    for (let i = 0; i < KEEPERS; i++) this.#processes.push(this.#start(i));
  }

  get faulty(): boolean {
    return this.time.elapsedMs() < FAULTS_MS;
  }

  policyOf = ({ slot }: Machine): TierPolicy => ({
    ...this.scenario.policy,
    alwaysReady: slot < this.scenario.alwaysReady,
  });

  async run(): Promise<RunSummary> {
    this.#scheduleTick();
    const ended = await this.time.run(END_MS, () => this.#broke !== null || this.#isAtRest());
    if (this.#broke !== null) throw this.#broke;
    judgeEnd(this);
    if (!ended) broken("the run never came to rest");
    return {
      served: this.requests.served,
      unserved: this.requests.unserved,
      spilled: this.requests.spilled,
      ...this.#told(),
      moves: this.store.journal.length,
      crashes: this.crashes,
      paidS: this.paidS,
      endedAtS: this.time.elapsedMs() / 1_000,
    };
  }

  /** How often what the laws of rented computers are about came to pass. */
  #told(): Pick<RunSummary, "refused" | "replaced" | "preempted" | "outlived"> {
    const count = (tells: (move: Move) => boolean) =>
      this.store.journal.filter(({ move }) => tells(move)).length;
    return {
      refused: count(({ to }) =>
        to.at === "failed" && to.why !== undefined && to.why !== "broken" && to.why !== "preempted"
      ),
      replaced: count(({ because }) => because.startsWith(`${REPLACED}:`)),
      preempted: count(({ to }) => to.at === "failed" && to.why === "preempted"),
      outlived: count(({ act, because }) => act === "destroy" && because === "it is past its age"),
    };
  }

  #scheduleTick(): void {
    this.time.at(this.time.now() + TICK, () => {
      try {
        this.#tick();
      } catch (error) {
        this.#broke ??= error;
      }
      this.#scheduleTick();
    });
  }

  #tick(): void {
    const { dice, scenario } = this;
    const elapsedMs = this.time.elapsedMs();
    this.#ticks++;
    this.computers.tick();
    if (this.faulty && dice.chance(scenario.requestsPerS)) this.requests.ask(false);
    if (!this.#probed && elapsedMs >= FAULTS_MS + PROBE_AFTER_MS) {
      this.#probed = true;
      this.requests.ask(true);
    }
    this.requests.tick();
    this.store.expire();
    if (this.#ticks === 200 && scenario.retiresSlot !== null) {
      this.store.retire(`mac_${scenario.retiresSlot}`);
    }
    if (this.#ticks % SWEEP_EVERY_S === 1) this.#anyLive().sweep();
    this.#restart();
    for (const machine of this.store.machines.values()) {
      const power = this.computers.truth(machine.id);
      const isPaid = power === "on" || power === "rising";
      if (isPaid) this.paidS++;
      if (!isPaid || isWanted(this, machine)) this.lastWantedMs.set(machine.id, elapsedMs);
      judgeWaiting(this, machine);
      judgeRented(this, machine);
    }
  }

  #restart(): void {
    this.#processes.forEach((process, i) => {
      if (!process.isDead || !this.dice.chance(1 / RESTART_S_MAX)) return;
      this.crashes++;
      this.#processes[i] = this.#start(i);
    });
  }

  #live(i: number): KeeperProcess {
    return this.#processes[i] ?? broken("there are two processes");
  }

  /** Any process that runs, though it may be paused: the minute's sweep is run by one replica. */
  #anyLive(): KeeperProcess {
    const process = this.dice.pick([this.#live(0), this.#live(1)]);
    return process.isDead ? this.#processes.find((each) => !each.isDead) ?? process : process;
  }

  #poke(machineId: string, span: Millis): void {
    if (this.faulty && this.dice.chance(this.scenario.processFaults.pokeLost)) return;
    this.dice.pick([this.#live(0), this.#live(1)]).poke(machineId, span);
  }

  #start(i: number): KeeperProcess {
    const name = `${i}.${this.crashes}`;
    return new KeeperProcess(name, {
      time: this.time,
      dice: this.dice,
      faults: () => this.faulty ? this.scenario.processFaults : NO_PROCESS_FAULTS,
      storeFor: (look) => this.store.as(look),
      looks: this.#looks,
      provider: providerOf(this.computers),
      engine: engineOf(this.computers),
      policyOf: this.policyOf,
      invoked: (told, act, machineId, generation) =>
        judgeAct(this, told, act, machineId, generation),
      machineAt: (baseUrl) => this.#machineAt(baseUrl),
      brokeLaw: (error) => {
        this.#broke ??= error;
      },
    });
  }

  #machineAt(baseUrl: string): string | null {
    for (const machine of this.store.machines.values()) {
      if (machine.baseUrl === baseUrl) return machine.id;
    }
    return null;
  }

  #moved(before: Machine, after: Machine, move: Move, holder: string): void {
    const told = this.#looks.get(holder) ?? broken(`${holder} moved a machine without looking`);
    judgeMove(this, told, before, after, move);
    judgeRentedMove(this, told, before, after, move);
    const isSoon = after.place.at === "draining" && this.dice.chance(0.3) && this.faulty;
    // Someone comes just as it drains.
    if (isSoon) {
      this.time.at(this.time.now() + this.dice.between(1, 400), () => this.requests.ask(false));
    }
  }

  #addMachine(slot: number): void {
    const id = `mac_${slot}`;
    const { kind } = this.scenario;
    if (kind === "local") this.computers.make(id, "off");
    if (kind === "fixed") this.computers.load(this.computers.make(id, "on"));
    this.store.add({
      id,
      tier: "tier",
      slot,
      provider: "simulated",
      externalId: null,
      baseUrl: null,
      place: { at: this.scenario.policy.creates ? "absent" : "asleep" },
      placeSince: instant(this.time.now()),
      failures: 0,
      generation: 0,
      retired: false,
    });
    this.lastWantedMs.set(id, 0);
  }

  #isAtRest(): boolean {
    if (!this.#probed || this.requests.open > 0 || this.store.openWake("tier") !== undefined) {
      return false;
    }
    for (const machine of this.store.machines.values()) {
      const { at } = machine.place;
      const rests = this.policyOf(machine).alwaysReady && !machine.retired
        ? at === "ready"
        : at === "asleep" || at === "absent";
      const power = this.computers.truth(machine.id);
      const isOff = power === "off" || power === "gone" || this.scenario.kind === "fixed";
      if (!rests || (at !== "ready" && !isOff)) return false;
    }
    return true;
  }
}

function isWanted(world: World, machine: Machine): boolean {
  return world.store.openRows(machine.id) > 0 ||
    (world.policyOf(machine).alwaysReady && !machine.retired) ||
    world.store.openWake("tier")?.machineId === machine.id;
}

/** Plays one seed to its end. Throws what broke; the same seed breaks the same way. */
export async function play(seed: number): Promise<RunSummary> {
  return await new World(seed, scenarioOf(seed)).run();
}
