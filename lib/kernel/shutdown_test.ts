/** Tests of shutdown.ts. */
import { deepEqual, equal } from "node:assert/strict";
import { manualClock, millis } from "./clock.ts";
import { silentLog } from "./log.ts";
import { createShutdown, type SignalHost } from "./shutdown.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("stop() runs the steps one after another, in the order they were added, once", async () => {
  const shutdown = createShutdown({ log: silentLog, clock: manualClock(), graceMs: 1_000 });
  const ran: string[] = [];
  shutdown.onStop("first", async () => {
    await turn();
    ran.push("first");
  });
  shutdown.onStop("second", () => {
    ran.push("second");
    return Promise.resolve();
  });
  equal(shutdown.stopping.aborted, false);
  const stopped = shutdown.stop("test");
  equal(shutdown.stopping.aborted, true);
  deepEqual(await Promise.all([stopped, shutdown.stop("again")]), [undefined, undefined]);
  deepEqual(ran, ["first", "second"]);
});

Deno.test("stop() goes on after a step that fails, at once or later", async () => {
  const shutdown = createShutdown({ log: silentLog, clock: manualClock(), graceMs: 1_000 });
  let reached = false;
  shutdown.onStop("throws", () => {
    throw new Error("broken");
  });
  shutdown.onStop("rejects", () => Promise.reject(new Error("broken")));
  shutdown.onStop("last", () => {
    reached = true;
    return Promise.resolve();
  });
  await shutdown.stop("test");
  equal(reached, true);
});

Deno.test("stop() aborts a step at its limit, not before, and goes on without it", async () => {
  const clock = manualClock();
  const shutdown = createShutdown({ log: silentLog, clock, graceMs: 1_000 });
  const signals: AbortSignal[] = [];
  const never = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<void>(() => {});
  };
  shutdown.onStop("by the grace", never);
  shutdown.onStop("by its own limit", never, millis(10));
  const stopped = shutdown.stop("test");
  clock.advance(millis(999));
  await turn();
  deepEqual(signals.map((signal) => signal.aborted), [false]);
  clock.advance(millis(1));
  await turn();
  deepEqual(signals.map((signal) => signal.aborted), [true, false]);
  clock.advance(millis(10));
  await stopped;
  deepEqual(signals.map((signal) => signal.aborted), [true, true]);
});

Deno.test("handleSignals() stops at the first signal and exits with 130 at the second", async () => {
  const shutdown = createShutdown({ log: silentLog, clock: manualClock(), graceMs: 1_000 });
  const listeners = new Map<string, () => void>();
  const exits: number[] = [];
  const host: SignalHost = {
    on: (signal, heard) => void listeners.set(signal, heard),
    off: (signal) => void listeners.delete(signal),
    exit: (code) => void exits.push(code),
  };
  const finish = Promise.withResolvers<void>();
  shutdown.onStop("slow", () => finish.promise);
  const handled = shutdown.handleSignals(host);
  listeners.get("SIGTERM")?.();
  equal(shutdown.stopping.aborted, true);
  deepEqual(exits, []);
  listeners.get("SIGINT")?.();
  deepEqual(exits, [130]);
  finish.resolve();
  await handled;
  equal(listeners.size, 0);
});

Deno.test("handleSignals() lets a real process leave by itself after one signal, and ends it at two", async () => {
  const program = `
    import { createShutdown } from ${
    JSON.stringify(new URL("./shutdown.ts", import.meta.url).href)
  };
    import { systemClock } from ${JSON.stringify(new URL("./clock.ts", import.meta.url).href)};
    import { silentLog } from ${JSON.stringify(new URL("./log.ts", import.meta.url).href)};
    const shutdown = createShutdown({ log: silentLog, clock: systemClock, graceMs: 60000 });
    const alive = setInterval(() => {}, 1000);
    shutdown.onStop("say", async () => {
      console.log("stopping");
      if (Deno.args[0] === "stuck") await new Promise(() => {});
      clearInterval(alive);
    });
    const handled = shutdown.handleSignals();
    console.log("up");
    await handled;
    console.log("stopped");
  `;
  for (const kind of ["orderly", "stuck"]) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--ext=ts", "-A", "-", kind],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode(program));
    await input.close();
    const said: string[] = [];
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      said.push(...text.trim().split("\n"));
      if (said.at(-1) === "up") child.kill("SIGTERM");
      if (said.at(-1) === "stopping" && kind === "stuck") child.kill("SIGTERM");
    }
    const { code } = await child.status;
    if (kind === "stuck") deepEqual([code, said], [130, ["up", "stopping"]]);
    else deepEqual([code, said], [0, ["up", "stopping", "stopped"]]);
  }
});
