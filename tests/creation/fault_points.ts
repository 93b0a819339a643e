/**
 * Where a process that makes a machine can be killed: at each request to the provider and each statement to the
 * database. Both go through here, outside the process, so that whatever it was doing it stops between two lines.
 *
 * An effect has three points. `asked`: sent, not carried out. `done`: carried out, and the answer not heard.
 * `answered`: the answer has left for the process; nothing that it does after is let through. Being killed before an
 * effect is sent is being killed after the one before it was answered: all that outlives a process lies out here.
 */
import { connect, createServer, type Socket } from "node:net";
import { type DatabaseTarget } from "@/lib/kernel/database.ts";

export type Phase = "asked" | "done" | "answered";
export type Point = { readonly effect: string; readonly phase: Phase };

export type Gate = {
  /** Lets a point pass, at once or later. False: the process is dead, and nothing more passes for it. */
  at(point: Point): Promise<boolean>;
  /** The points that passed, each by its name and how often it came by then. */
  readonly passed: readonly string[];
  /** Whether it came to the chosen point. */
  readonly struck: () => boolean;
};

export type Fate = "killed" | "paused";

/** What befalls a process. */
export type Strike = { readonly fate: Fate; act(): Promise<void> };

/**
 * A gate that strikes at a point of `passed` of an earlier run; null: at none. After a pause the process goes on. Points
 * go by name and not by number: a look asks database and provider side by side, and either may come first.
 */
export function gateOf(point: string | null, { fate, act }: Strike): Gate {
  const passed: string[] = [];
  const counts = new Map<string, number>();
  let struck = false;
  let isDead = false;
  return {
    passed,
    struck: () => struck,
    async at({ effect, phase }) {
      if (isDead) return false;
      const name = `${effect} ${phase}`;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      const here = `${name} #${count}`;
      passed.push(here);
      if (here !== point) return true;
      struck = true;
      isDead = fate === "killed";
      await act();
      return !isDead;
    },
  };
}

export type Listening = { readonly port: number } & AsyncDisposable;

/** Nothing is kept and nothing is closed: a request may arrive after its process, and its gate, are gone. */
const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
const NEVER = new Promise<never>(() => {});

/** Lets everything pass. */
export const OPEN_GATE: Gate = gateOf(null, {
  fate: "paused",
  act: () => Promise.resolve(),
});

export type ProviderHooks = {
  /** Before a request that passed the gate is carried out. */
  readonly before?: (effect: string) => Promise<void>;
  /** A request that was under way when its process died: `arrive` lets it reach the provider, and answers the status. */
  readonly onLeft?: (arrive: () => Promise<number>) => void;
};

/** Passes requests on to the provider's API at `url`, through the gate. */
export function providerThrough(
  url: string,
  gate: Gate,
  { before, onLeft }: ProviderHooks = {},
): Listening {
  const target = new URL(url);
  const over = new AbortController();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
    signal: over.signal,
  }, async (request) => {
    const asked = new URL(request.url);
    const body = request.method === "GET" ? null : await request.text();
    const effect = effectOf(request.method, asked);
    const init: RequestInit & { client: Deno.HttpClient } = {
      method: request.method,
      headers: { api_key: request.headers.get("api_key") ?? "" },
      body,
      client,
    };
    const send = async () => {
      const answer = await fetch(new URL(asked.pathname + asked.search, target), init);
      return { text: await answer.text(), status: answer.status };
    };
    if (!await gate.at({ effect, phase: "asked" })) {
      onLeft?.(async () => (await send()).status);
      return await NEVER;
    }
    await before?.(effect);
    const { text, status } = await send();
    if (!await gate.at({ effect, phase: "done" })) return await NEVER;
    setTimeout(() => void gate.at({ effect, phase: "answered" }));
    return new Response(text, { status });
  });
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]() {
      over.abort();
      return Promise.resolve();
    },
  };
}

/** `GET /core/virtual-machines?search`: without ids and names, so that two runs name the same. */
function effectOf(method: string, { pathname, searchParams }: URL): string {
  const path = pathname.replace(/^\/v1/, "").replace(/\/\d+(?=\/|$)/, "/:id")
    .replace(/name-availability\/.*/, "name-availability/:name");
  return `${method} ${path}${searchParams.has("search") ? "?search" : ""}`;
}

/** PostgreSQL's messages that end a statement: Sync, and a simple Query (manual, chapter 54). */
const SYNC = "S".charCodeAt(0);
const QUERY = "Q".charCodeAt(0);
const PARSE = "P".charCodeAt(0);
const BIND = "B".charCodeAt(0);
/** Flush, a password, a goodbye: whoever sends them waits for no Sync. */
const AT_ONCE: ReadonlySet<number> = new Set(["H", "p", "X"].map((kind) => kind.charCodeAt(0)));
const READY = "Z".charCodeAt(0);
const HEADER_BYTES = 5;
const STARTUP_HEADER_BYTES = 4;

/** Passes statements on to the database, each through the gate, one at a time on each connection. */
export async function databaseThrough(target: DatabaseTarget, gate: Gate): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = target.kind === "socket" ? connect(target.path) : connectTo(target.url);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (near.destroy(), far.destroy()));
    }
    passStatements(near, far, gate).catch(() => (near.destroy(), far.destroy()));
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("unreachable: it listens");
  return {
    port: address.port,
    [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      return Promise.resolve();
    },
  };
}

function connectTo(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect(Number(port || "5432"), hostname);
}

async function passStatements(near: Socket, far: Socket, gate: Gate): Promise<void> {
  /** Set while the answer to a statement is gathered. */
  let gather: ((answer: Uint8Array) => void) | null = null;
  let held = new Uint8Array();
  far.on("data", (bytes: Uint8Array) => {
    if (gather === null) return void near.write(bytes);
    held = joined(held, bytes);
    if (!endsReady(held)) return;
    const done = gather;
    gather = null;
    done(held);
    held = new Uint8Array();
  });
  const named = new Map<string, string>();
  let rest = new Uint8Array();
  let started = false;
  let batch = new Uint8Array();
  let effect = "";
  for await (const bytes of near as AsyncIterable<Uint8Array>) {
    rest = joined(rest, bytes);
    for (;;) {
      const header = started ? HEADER_BYTES : STARTUP_HEADER_BYTES;
      if (rest.length < header) break;
      const size = new DataView(rest.buffer, rest.byteOffset).getUint32(header - 4) + header - 4;
      if (rest.length < size) break;
      const message = rest.slice(0, size);
      rest = rest.slice(size);
      if (!started) {
        started = true;
        far.write(message);
        continue;
      }
      batch = joined(batch, message);
      const [first = "", second = ""] = textsOf(message);
      const [kind] = message;
      if (kind === PARSE) named.set(first, second);
      // A statement is named by its words; `begin` and `commit` are simple queries.
      if (kind === PARSE) effect = second;
      if (kind === BIND) effect = named.get(second) ?? effect;
      if (kind === QUERY) effect = first;
      if (kind !== SYNC && kind !== QUERY) {
        // Not a statement yet. What is executed is held: without its Sync it would hold its locks.
        if (AT_ONCE.has(kind ?? 0)) batch = flushed(far, batch);
        continue;
      }
      const point = { effect: statementOf(effect) };
      if (!await gate.at({ ...point, phase: "asked" })) return await NEVER;
      const answer = new Promise<Uint8Array>((resolve) => gather = resolve);
      batch = flushed(far, batch);
      const said = await answer;
      if (!await gate.at({ ...point, phase: "done" })) return await NEVER;
      near.write(said);
      if (!await gate.at({ ...point, phase: "answered" })) return await NEVER;
    }
  }
}

function flushed(to: Socket, batch: Uint8Array): Uint8Array<ArrayBuffer> {
  to.write(batch);
  return new Uint8Array();
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Whether whole messages end with ReadyForQuery. */
function endsReady(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = 0;
  let last = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    last = bytes[at] ?? 0;
    at += 1 + view.getUint32(at + 1);
  }
  return at === bytes.length && last === READY;
}

/** The first two zero-ended texts of a message. */
function textsOf(message: Uint8Array): string[] {
  const text = new TextDecoder("latin1").decode(message.slice(HEADER_BYTES));
  return text.split("\0", 2);
}

const STATEMENT_CHARS = 60;

function statementOf(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, STATEMENT_CHARS);
}
