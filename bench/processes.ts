/** The processes of a benchmark: started on cores of their own, measured from `/proc`, and ended by their ids. */
const READY_MS_MAX = 60_000;
const END_MS_MAX = 15_000;
const NS_PER_US = 1_000;
/** proc_net_tcp.txt of the kernel: the state of a socket that listens. */
const TCP_LISTEN = "0A";

export type Cores = string | null;

export type Started = {
  readonly name: string;
  readonly pid: number;
  readonly child: Deno.ChildProcess;
};

const started: Started[] = [];

/** Whether processes can be kept to cores: Linux, with `taskset`, and four cores to share out. */
export async function canPin(): Promise<boolean> {
  if (Deno.build.os !== "linux" || navigator.hardwareConcurrency < 4) return false;
  return await which("taskset") !== null;
}

export async function which(program: string): Promise<string | null> {
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `PATH=$PATH:/usr/sbin:/usr/local/sbin command -v ${program}`],
    stderr: "null",
  }).output();
  const path = new TextDecoder().decode(stdout).trim();
  return path === "" ? null : path;
}

/** Starts `command` on `cores` (a list such as "0" or "2,3"; null: anywhere). */
export function start(
  name: string,
  cores: Cores,
  command: readonly string[],
  { env = {}, cwd }: { env?: Record<string, string>; cwd?: string } = {},
): Started {
  const [program = "", ...args] = cores === null ? command : ["taskset", "-c", cores, ...command];
  const quiet = Deno.env.get("SHOW_LOG") === "1" ? "inherit" as const : "null" as const;
  const child = new Deno.Command(program, {
    ...{ args, env, stdin: "null" as const, stdout: quiet, stderr: quiet },
    ...(cwd === undefined ? {} : { cwd }),
  }).spawn();
  const entry = { name, pid: child.pid, child };
  started.push(entry);
  return entry;
}

/** Moves running processes, and what they start from now on, to other cores. */
export async function pin(pids: readonly number[], cores: string): Promise<void> {
  for (const pid of pids) await output(null, ["taskset", "-a", "-c", "-p", cores, String(pid)]);
}

/** Runs a job to its end and answers what it wrote. Throws when it failed. */
export async function output(cores: Cores, command: readonly string[]): Promise<string> {
  const [program = "", ...args] = cores === null ? command : ["taskset", "-c", cores, ...command];
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${command[0]} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Ends one process, in order if it leaves in time. */
export async function stop({ child }: Started): Promise<void> {
  try {
    child.kill("SIGTERM");
  } catch {
    return; // it ended by itself
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
  await child.status;
  clearTimeout(timer);
}

export async function stopAll(): Promise<void> {
  for (const entry of started.splice(0).reverse()) await stop(entry);
}

export async function ready(url: string): Promise<void> {
  const endMs = performance.now() + READY_MS_MAX;
  while (performance.now() < endMs) {
    const response = await fetch(url).catch(() => null);
    await response?.body?.cancel();
    if (response !== null && response.status < 500) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${url} was not ready within ${READY_MS_MAX} ms`);
}

export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A process and all it started, unless `except` says that a command line is somebody else's. */
export function tree(pid: number, except: RegExp | null = null): number[] {
  const pids: number[] = [];
  const visit = (id: number) => {
    const command = read(`/proc/${id}/cmdline`).replaceAll("\0", " ");
    if (command === "" || (except !== null && except.test(command))) return;
    pids.push(id);
    for (const task of names(`/proc/${id}/task`)) {
      for (const child of read(`/proc/${id}/task/${task}/children`).trim().split(" ")) {
        if (child !== "") visit(Number(child));
      }
    }
  };
  visit(pid);
  return pids;
}

/** CPU time the processes have used, in microseconds; Linux only, NaN elsewhere. */
export function cpuUs(pids: readonly number[]): number {
  if (Deno.build.os !== "linux") return NaN;
  let ns = 0;
  for (const pid of pids) {
    for (const task of names(`/proc/${pid}/task`)) {
      ns += Number(read(`/proc/${pid}/task/${task}/schedstat`).split(" ")[0] || 0);
    }
  }
  return ns / NS_PER_US;
}

/** How long the main threads of the processes ran, and how long they waited for a core others had, µs in all. */
export function mainThreads(pids: readonly number[]): { ranUs: number; waitedUs: number } {
  return pids.reduce((sum, pid) => {
    const [ran = 0, waited = 0] = read(`/proc/${pid}/task/${pid}/schedstat`).split(" ").map(Number);
    return { ranUs: sum.ranUs + ran / NS_PER_US, waitedUs: sum.waitedUs + waited / NS_PER_US };
  }, { ranUs: 0, waitedUs: 0 });
}

/** Resident memory in megabytes; Linux only. */
export function rssMb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kb = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0;
    return sum + Number(kb) / 1_024;
  }, 0);
}

/** Open TCP sockets of the processes: those of requests. The embedded database is reached by another kind. */
export function sockets(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const tcp = new Set(["tcp", "tcp6"].flatMap((kind) => inodesOf(`/proc/${pid}/net/${kind}`)));
    let open = 0;
    for (const fd of names(`/proc/${pid}/fd`)) {
      try {
        const [, inode] = /^socket:\[(\d+)\]$/.exec(Deno.readLinkSync(`/proc/${pid}/fd/${fd}`)) ??
          [];
        if (inode !== undefined && tcp.has(inode)) open++;
      } catch {
        // Closed while we looked.
      }
    }
    return sum + open;
  }, 0);
}

/** How many sockets listen on the port of IPv4: one for each process that shares it. */
export function listeners(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return read("/proc/net/tcp").split("\n").filter((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return local.endsWith(`:${hex}`) && state === TCP_LISTEN;
  }).length;
}

/** The tenth column of each line but the first (proc(5)). */
function inodesOf(path: string): string[] {
  return read(path).trim().split("\n").slice(1).flatMap((line) =>
    line.trim().split(/\s+/).slice(9, 10)
  );
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function names(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return [];
  }
}
