/**
 * The load of the added latency, as a process of its own: asks every lane in turn, request by request or second by
 * second, over connections it keeps, so that each moment of the machine meets all lanes alike. Reads a job (JSON) from
 * its argument, writes the result (JSON) to its output.
 */
import { busyBetween, coreTimes, FOREIGN_MAX, foreignShare } from "./cores.ts";
import { nowUs } from "./fast_engine.ts";
import { chatRequest, LoadClient, type Wish } from "./load_client.ts";
import { cpuUs } from "./processes.ts";
import { type Quantiles, quantiles } from "./statistics.ts";

export type TurnsLane = {
  readonly name: string;
  readonly port: number;
  readonly key: string | null;
};

/** What is done in one set; a set is kept or taken again as a whole, and takes about a second for each lane or less. */
export type Turns =
  | {
    readonly kind: "sequential";
    readonly turns: number;
    /** So many requests of a lane one after the other, before the next lane's. */
    readonly burst: number;
    readonly stream: boolean;
  }
  | {
    readonly kind: "open";
    readonly perSecond: number;
    readonly seconds: number;
    readonly connections: number;
  };

export type TurnsJob = {
  readonly lanes: readonly TurnsLane[];
  readonly work: Turns;
  readonly sets: number;
  readonly bench: Wish;
  /** The proxies' core and processes; null: nobody looks for the work of others. */
  readonly watch: { readonly core: string; readonly pids: readonly number[] } | null;
};

export type TurnsResult = {
  /** From the request to the end of a plain answer, or to the first payload of a stream, µs. */
  readonly latencyUs: Readonly<Record<string, Quantiles>>;
  /** Sets taken again because others were on the proxies' core. */
  readonly repeats: number;
  /** Sets kept although they were. */
  readonly noisy: number;
};

type Asked = {
  readonly name: string;
  readonly request: string;
  readonly clients: readonly LoadClient[];
};

/** Turns before the first that counts: this process compiles too. */
const WARM_TURNS = 30;

async function run({ lanes, work, sets, bench, watch }: TurnsJob): Promise<TurnsResult> {
  const stream = work.kind === "sequential" && work.stream;
  const connections = work.kind === "open" ? work.connections : 1;
  const asked = lanes.map(({ name, port, key }): Asked => ({
    name,
    request: chatRequest({ host: `127.0.0.1:${port}`, key, stream, bench }),
    clients: Array.from({ length: connections }, () => new LoadClient(port)),
  }));
  const orders = permutations(asked);
  const kept = new Map(asked.map(({ name }) => [name, [] as number[]]));
  let [repeats, noisy, turn] = [0, 0, 0];
  const orderOf = () => orders[turn++ % orders.length] ?? asked;

  const burst = work.kind === "sequential" ? work.burst : 1;
  const oneEach = async (into: ReadonlyMap<string, number[]>) => {
    for (const { name, request, clients: [client] } of orderOf()) {
      if (client === undefined) continue;
      for (let i = 0; i < burst; i++) {
        into.get(name)?.push(await latencyUs(client, request, stream, bench.chunks, nowUs()));
      }
    }
  };
  for (let i = 0; i < WARM_TURNS; i++) await oneEach(new Map());
  for (let set = 0; set < sets;) {
    const times = new Map(asked.map(({ name }) => [name, [] as number[]]));
    const foreign = watchFor(watch);
    if (work.kind === "sequential") {
      for (let i = 0; i < work.turns; i++) await oneEach(times);
    } else {
      for (const lane of orderOf()) {
        const into = times.get(lane.name) ?? [];
        await openLoop(lane, work, into, bench.chunks);
      }
    }
    const isNoisy = foreign() > FOREIGN_MAX;
    if (isNoisy && repeats < sets) {
      repeats++;
      continue;
    }
    if (isNoisy) noisy++;
    for (const [name, all] of times) kept.get(name)?.push(...all);
    set++;
  }
  for (const { clients } of asked) for (const client of clients) client.hangUp();
  const latencies = [...kept].map(([name, all]) => [name, quantiles(all)]);
  return { latencyUs: Object.fromEntries(latencies), repeats, noisy };
}

/** Every order of `items`: taken in turn, each item follows each other one equally often. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((first, i) =>
    permutations(items.filter((_, j) => j !== i)).map((rest) => [first, ...rest])
  );
}

/** Starts to watch; the answer says which share of the core others had since. 0 when nobody watches. */
function watchFor(watch: TurnsJob["watch"]): () => number {
  if (watch === null) return () => 0;
  const [times, ownUs, startUs] = [coreTimes(), cpuUs(watch.pids), nowUs()];
  return () => {
    const busy = busyBetween(times, coreTimes());
    return foreignShare(busy, watch.core, cpuUs(watch.pids) - ownUs, nowUs() - startUs);
  };
}

/** Throws when the answer is not whole: nothing incomplete may count as fast. */
async function latencyUs(
  client: LoadClient,
  request: string,
  stream: boolean,
  chunks: number,
  startUs: number,
): Promise<number> {
  const answer = await client.ask(request);
  const endUs = nowUs();
  const isWhole = answer.status === 200 && answer.finished && !answer.error &&
    (!stream || (answer.chunks === chunks && answer.done && answer.usage));
  if (!isWhole) throw new Error(`port ${client.port} answered ${JSON.stringify(answer)}`);
  return (stream ? answer.firstUs : endUs) - startUs;
}

/** Requests at a fixed rate, whatever becomes of those before; counted from when each was due. */
async function openLoop(
  { request, clients }: Asked,
  { perSecond, seconds }: Extract<Turns, { kind: "open" }>,
  into: number[],
  chunks: number,
): Promise<void> {
  const idle = [...clients];
  const waiting: number[] = [];
  const asked: Promise<void>[] = [];
  const pump = () => {
    while (waiting.length > 0) {
      const mine = idle.pop();
      if (mine === undefined) return;
      // Counted from when it was due: waiting for a connection is waiting.
      const dueUs = waiting.shift() ?? nowUs();
      asked.push(
        latencyUs(mine, request, false, chunks, dueUs).then((us) => {
          into.push(us);
          idle.push(mine);
          pump();
        }),
      );
    }
  };
  const startMs = performance.now();
  const count = Math.round(perSecond * seconds);
  for (let due = 0; due < count;) {
    const dueMs = () => startMs + due * 1_000 / perSecond;
    const waitMs = dueMs() - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    for (; due < count && dueMs() <= performance.now(); due++) {
      waiting.push(Math.round((performance.timeOrigin + dueMs()) * 1_000));
    }
    pump();
  }
  while (waiting.length > 0) await Promise.race(asked);
  await Promise.all(asked);
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0] ?? "{}"))));
  Deno.exit();
}
