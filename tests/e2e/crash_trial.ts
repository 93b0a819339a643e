/**
 * Kills a gateway with SIGKILL at random moments under load, starts it again each time, and then looks for what was
 * lost: `deno run -A tests/e2e/crash_trial.ts [kills]` prints what it found and exits 1 when anything was.
 */
import { openDatabase } from "@/lib/kernel/database.ts";
import { startEmbedded } from "@/lib/kernel/embedded_postgres.ts";
import { fleetYaml, machineProcesses, makeKey, simTier, tempDir, until } from "./support.ts";

const ROOT = new URL("../../", import.meta.url);
const CLIENTS = 24;
const KILL_AFTER_MS = { min: 50, max: 1_500 };
/** Within this a dead replica's rows are swept: ten seconds of silence, then a round every three. */
const SWEEP_PATIENCE_MS = 40_000;

export type Found = {
  kills: number;
  asked: number;
  answered: number;
  cut: number;
  problems: string[];
};

/** Runs the trial on its own database server and data directory. */
export async function crashTrial(kills: number): Promise<Found> {
  await using dir = await tempDir();
  const server = await startEmbedded(dir.path);
  const sql = openDatabase(server.target, { applicationName: "crash trial", maxConnections: 4 });
  const flags = [
    "--startup=weights=0.2",
    "--time-to-first-token=20",
    "--inter-token-latency=4",
    "--max-num-seqs=512",
  ];
  await Deno.writeTextFile(
    `${dir.path}/fleet.yaml`,
    fleetYaml(simTier("spot-a", { flags }) + simTier("standard-b", { flags })),
  );
  const port = freePort();
  const over = new AbortController();
  const seen = new Map<string, "asked" | "answered" | "cut" | "complete">();
  /** Streams that have begun and not ended. */
  const running = new Set<string>();
  const problems: string[] = [];
  let gateway = await launch(dir.path, port);
  try {
    const { secret } = await makeKey(sql);
    const clients = Array.from(
      { length: CLIENTS },
      (_, i) => client(i, port, secret, { seen, running }, over.signal),
    );
    for (let kill = 0; kill < kills; kill++) {
      const { min, max } = KILL_AFTER_MS;
      await new Promise((resolve) => setTimeout(resolve, min + Math.random() * (max - min)));
      // Every other one in the midst of streams, however slow the computer is.
      if (kill % 2 === 1) await until("a stream runs", () => running.size > 0);
      gateway.kill("SIGKILL");
      await gateway.status;
      problems.push(...await doubledMachines(sql, `after kill ${kill + 1}`));
      gateway = await launch(dir.path, port);
    }
    await until("requests are answered again", async () => {
      const before = count(seen, "complete");
      await new Promise((resolve) => setTimeout(resolve, 300));
      return count(seen, "complete") > before;
    });
    over.abort();
    await Promise.all(clients);
    await until("no row is open", async () => {
      const [row] = await sql<
        { open: number }[]
      >`select count(*) as open from usage where closed_at is null`;
      return row?.open === 0;
    }, SWEEP_PATIENCE_MS).catch((error: Error) => problems.push(error.message));
    problems.push(
      ...await missingRows(sql, seen),
      ...await journalGaps(sql),
      ...await doubledMachines(sql, "at the end"),
    );
    problems.push(...await unknownMachines(sql));
  } finally {
    over.abort();
    gateway.kill("SIGTERM");
    await gateway.status;
    const machines = await sql<{ id: string }[]>`select id from machines`;
    const left = await machineProcesses(machines.map(({ id }) => id));
    for (const [id, pids] of left) {
      if (pids.length > 0) {
        problems.push(`${id} still runs as ${pids} after the last gateway stopped`);
      }
    }
    await sql.end({ timeout: 1 });
    await server.stop();
  }
  const ends = [...seen.values()];
  return {
    kills,
    asked: ends.length,
    answered: ends.filter((end) => end !== "asked").length,
    cut: count(seen, "cut"),
    problems,
  };
}

const count = (seen: ReadonlyMap<string, string>, end: string) =>
  [...seen.values()].filter((e) => e === end).length;

export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

export async function launch(dataDir: string, port: number): Promise<Deno.ChildProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--unstable-kv",
      "--unstable-cron",
      "--unstable-net",
      "--unstable-no-legacy-abort",
      new URL("main.ts", ROOT).pathname,
    ],
    env: {
      DATA_DIR: dataDir,
      PORT: String(port),
      FLEET_FILE: `${dataDir}/fleet.yaml`,
      LOG_LEVEL: "warn",
      REPLICAS: "1",
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until("the gateway is ready", async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
    await response?.body?.cancel();
    return response?.ok;
  });
  return child;
}

/** Streams one request after another and notes what it saw of each, under an id of its own choosing. */
async function client(
  number: number,
  port: number,
  secret: string,
  { seen, running }: {
    seen: Map<string, "asked" | "answered" | "cut" | "complete">;
    running: Set<string>;
  },
  signal: AbortSignal,
): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    const id = `crash-${number}-${turn}`;
    seen.set(id, "asked");
    try {
      const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${secret}`,
          "content-type": "application/json",
          "x-request-id": id,
        },
        body: JSON.stringify({
          model: "m",
          stream: true,
          max_tokens: 60,
          messages: [{ role: "user", content: `Request ${id}` }],
        }),
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      seen.set(id, "cut");
      running.add(id);
      let text = "";
      for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += part;
      }
      seen.set(id, text === "" ? "asked" : text.endsWith("data: [DONE]\n\n") ? "complete" : "cut");
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50)); // the gateway is down
    } finally {
      running.delete(id);
    }
  }
}

type TrialSql = ReturnType<typeof openDatabase>;

/** Requests of which the client saw a byte, and no row tells. */
async function missingRows(sql: TrialSql, seen: ReadonlyMap<string, string>): Promise<string[]> {
  const rows = await sql<
    { id: string; ended: string }[]
  >`select request_id as id, ended from usage`;
  const ends = new Map(rows.map(({ id, ended }) => [id, ended]));
  return [...seen].flatMap(([id, end]) => {
    if (end === "asked") return [];
    const row = ends.get(id);
    if (row === undefined) return [`${id}: the client saw it ${end}, and it has no row`];
    // A whole answer may have been sent in the last moment of its gateway; its row is then closed by the sweep.
    const fits = end === "cut" || row === "complete" || row === "interrupted";
    return fits ? [] : [`${id}: the client saw it ${end}, its row says ${row}`];
  });
}

/** Machines with more than one engine process: started twice. */
async function doubledMachines(sql: TrialSql, when: string): Promise<string[]> {
  const machines = await sql<{ id: string }[]>`select id from machines`;
  const running = await machineProcesses(machines.map(({ id }) => id));
  return [...running].flatMap(([id, pids]) =>
    pids.length > 1 ? [`${when}: ${id} runs as ${pids}`] : []
  );
}

/** Engines that run although the books say that their machine is off. */
async function unknownMachines(sql: TrialSql): Promise<string[]> {
  const problem = async () => {
    const rest = await sql<{ id: string; place: string }[]>`
      select id, place from machines where place in ('asleep', 'absent', 'failed')`;
    const running = await machineProcesses(rest.map(({ id }) => id));
    return rest.filter(({ id }) => (running.get(id) ?? []).length > 0).map(({ id, place }) =>
      `${id} runs, but is ${place}`
    );
  };
  return await until(
    "running engines are known",
    async () => (await problem()).length === 0 ? [] : null,
    10_000,
  )
    .catch(problem);
}

/** Each machine's moves follow one another: every generation once, from where the last one led. */
async function journalGaps(sql: TrialSql): Promise<string[]> {
  const moves = await sql<{ machine: string; generation: number; from: string; to: string }[]>`
    select machine_id as machine, generation, from_place as from, to_place as to
    from operations where kind = 'move' order by machine_id, generation`;
  return moves.flatMap((move, i) => {
    const last = moves[i - 1];
    if (last === undefined || last.machine !== move.machine) return [];
    const follows = move.generation === last.generation + 1 && move.from === last.to;
    return follows ? [] : [
      `${move.machine}: generation ${move.generation} from ${move.from} follows ${last.generation} to ${last.to}`,
    ];
  });
}

if (import.meta.main) {
  const found = await crashTrial(Number(Deno.args[0] ?? "100"));
  console.log(JSON.stringify(found, null, 2));
  Deno.exit(found.problems.length === 0 ? 0 : 1);
}
