import { deepEqual, equal, ok } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { millis } from "@/lib/kernel/clock.ts";
import { type Log, silentLog } from "@/lib/kernel/log.ts";
import { lookUp } from "./local_process.ts";
import { machineDir, newRecord, readRecord, removeIfThere, writeRecord } from "./local_record.ts";
import {
  enginesOf,
  OBEDIENT,
  patient,
  shellTier,
  until,
  untilLogged,
  withBench,
} from "./local_testing.ts";

const PATH = { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" };
const GUARD = fileURLToPath(new URL("./local_guard.sh", import.meta.url));
const PROCESSES = fileURLToPath(new URL("./local_processes.sh", import.meta.url));
/** Those of `deno task start`: the provider must need no more. */
const START_FLAGS = ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-run"];

Deno.test("a machine outlives its killed gateway, and the next gateway adopts it and can stop it", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const gateway = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        ...START_FLAGS,
        fileURLToPath(new URL("./local_testing_gateway.ts", import.meta.url)),
        root,
        ref.deploymentId,
        ref.machineId,
      ],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let said = "";
    for await (const part of gateway.stdout.pipeThrough(new TextDecoderStream())) {
      said += part;
      if (said.includes("\n")) break;
    }
    gateway.kill("SIGKILL");
    await gateway.status;

    const local = await open();
    deepEqual(await local.status(ref, patient()), JSON.parse(said));
    await local.start(ref, { generation: 2 }, patient());
    equal((await enginesOf(ref.machineId)).length, 1);
    await local.stop(ref, { generation: 3 }, patient());
    await until("it is off", async () => (await local.status(ref, patient())).power === "off");
  });
});

Deno.test("a machine whose gateway died between spawn and record is found, adopted and not started twice", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const dying = await open();
    await dying.start(ref, { generation: 1 }, patient());
    const running = await dying.status(ref, patient());
    await dying.close();
    const record = await readRecord(root, ref.machineId);
    ok(record !== null);
    await writeRecord(root, { ...record, process: null });

    const local = await open();
    // Until the guard has written who it is, which takes a loaded machine a moment, it is rising.
    await until("it is found", async () => (await local.status(ref, patient())).power === "on");
    deepEqual(await local.status(ref, patient()), running);
    await until(
      "it is recorded",
      async () => ((await readRecord(root, ref.machineId))?.process ?? null) !== null,
    );
    await writeRecord(root, { ...record, process: null });
    await local.start(ref, { generation: 1 }, patient());
    deepEqual(await local.status(ref, patient()), running);
  });
});

Deno.test("an intent without a process is rising for a moment, then off, and can be started", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    await local.stop(ref, { generation: 2 }, patient());
    await until("it is off", async () => (await local.status(ref, patient())).power === "off");
    const record = await readRecord(root, ref.machineId);
    ok(record !== null);
    const intent = { ...record, process: null, stopAskedAtMs: null };
    await writeRecord(root, { ...intent, startedAtMs: Date.now() });
    equal((await local.status(ref, patient())).power, "rising");
    await writeRecord(root, { ...intent, startedAtMs: Date.now() - 6_000 });
    equal((await local.status(ref, patient())).power, "off");
    await local.start(ref, { generation: 3 }, patient());
    equal((await local.status(ref, patient())).power, "on");
  });
});

Deno.test("a machine another gateway just began to start is left to it, until that is long ago", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const exits: unknown[] = [];
    const log: Log = {
      ...silentLog,
      info: (event, fields) => void (event === "local.exited" && exits.push(fields?.["code"])),
    };
    const local = await open({ log });
    const record = { ...newRecord(ref, millis(1_000)), generation: 1 };
    await writeRecord(root, { ...record, startedAtMs: Date.now() });
    await Deno.mkdir(`${machineDir(root, ref.machineId)}/run`);
    await local.start(ref, { generation: 1 }, patient());
    await until("our guard gave way", () => Promise.resolve(exits.length === 1));
    deepEqual(exits, [75]);
    await writeRecord(root, { ...record, startedAtMs: Date.now() - 6_000 });
    await local.start(ref, { generation: 1 }, patient());
    await until("it runs", async () => (await enginesOf(ref.machineId)).length === 1);
  });
});

Deno.test("a machine whose whole record was lost is still listed, adopted and ended", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    const { externalId } = await local.status(ref, patient());
    await until("it carries its tag", async () => (await enginesOf(ref.machineId)).length === 1);
    await removeIfThere(machineDir(root, ref.machineId));

    equal((await local.status(ref, patient())).power, "on");
    const listed = await local.list(ref.deploymentId, patient());
    deepEqual(listed.map((one) => [one.machineId, one.externalId]), [[ref.machineId, externalId]]);
    await local.destroy(ref, { generation: 2 }, patient());
    await until(
      "none is listed",
      async () => (await local.list(ref.deploymentId, patient())).length === 0,
    );
  });
});

Deno.test("a process that was given a machine's old number is neither taken for it nor signalled", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const stranger = new Deno.Command("sleep", { args: ["60"], detached: true }).spawn();
    try {
      const local = await open();
      await local.start(ref, { generation: 1 }, patient());
      await local.stop(ref, { generation: 2 }, patient());
      await until("it is off", async () => (await local.status(ref, patient())).power === "off");
      const record = await readRecord(root, ref.machineId);
      ok(record?.process !== null && record?.process !== undefined);
      const process = { ...record.process, pid: stranger.pid };
      await writeRecord(root, { ...record, process, stopAskedAtMs: null });
      await Deno.writeTextFile(
        `${machineDir(root, ref.machineId)}/run/pid`,
        `${process.pid} ${process.start}\n`,
      );

      equal((await local.status(ref, patient())).power, "off");
      await local.stop(ref, { generation: 3 }, patient());
      await local.stopAll(patient());
      await local.destroy(ref, { generation: 4 }, patient());
      ok((await lookUp([stranger.pid])).has(stranger.pid));
    } finally {
      stranger.kill("SIGKILL");
      await stranger.status;
    }
  });
});

Deno.test("the guard ends a machine nobody looked after, and spares one that is", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const orphanAfterMs = millis(2_000);
    const local = await open({ orphanAfterMs });
    await local.start(ref, { generation: 1 }, patient());
    const other = await open({ orphanAfterMs, deploymentId: "another deployment" });
    const born = performance.now();
    await until(
      "three orphan times passed",
      () => Promise.resolve(performance.now() - born > 3 * orphanAfterMs),
    );
    equal((await enginesOf(ref.machineId)).length, 1);
    await local.close();
    await until("it is ended", async () => (await enginesOf(ref.machineId)).length === 0);
    await other.close();
  });
});

Deno.test("the guard signals in the place of a gateway that died between asking and signalling", async () => {
  const script = 'trap "echo heard; exit 0" TERM; echo ready; while :; do sleep 0.1; done';
  await withBench(shellTier(script, "10s"), async ({ root, ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    await untilLogged(root, ref, "ready");
    await Deno.writeTextFile(`${machineDir(root, ref.machineId)}/stop`, "asked\n");
    await untilLogged(root, ref, "heard");
    await until("it is ended", async () => (await enginesOf(ref.machineId)).length === 0);
  });
});

Deno.test("of two guards spawned for one machine, one becomes the engine and the other leaves", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref }) => {
    const dir = machineDir(root, ref.machineId);
    await Deno.mkdir(dir);
    const spawn = () =>
      new Deno.Command("sh", {
        args: [GUARD, dir, "60", "1", ref.machineId, ref.deploymentId, "sleep", "60"],
        detached: true,
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
    const guards = [spawn(), spawn(), spawn()];
    await until("one is left", async () => (await enginesOf(ref.machineId)).length === 1);
    const [engine] = await enginesOf(ref.machineId);
    const losers = guards.filter(({ pid }) => pid !== engine);
    deepEqual((await Promise.all(losers.map((one) => one.status))).map((s) => s.code), [75, 75]);
    const pid = (await Deno.readTextFile(`${dir}/run/pid`)).split(" ")[0];
    equal(Number(pid), engine);
    Deno.kill(-Number(pid), "SIGKILL");
    await Promise.all(guards.map((one) => one.status));
  });
});

Deno.test("where there is no /proc, guard and process table agree on a start by ps", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref }) => {
    const blind = async (path: string) => {
      const text = (await Deno.readTextFile(path)).replaceAll("/proc/", "/nowhere/");
      const copy = `${root}/${path.split("/").at(-1)}`;
      await Deno.writeTextFile(copy, text);
      return copy;
    };
    const dir = machineDir(root, ref.machineId);
    await Deno.mkdir(dir);
    const engine = new Deno.Command("sh", {
      args: [await blind(GUARD), dir, "1", "1", ref.machineId, ref.deploymentId, "sleep", "60"],
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const pid = () => Deno.readTextFile(`${dir}/run/pid`).catch(() => "");
    await until("the guard wrote itself down", async () => (await pid()) !== "");
    const table = await new Deno.Command("sh", {
      args: [await blind(PROCESSES), "look", String(engine.pid)],
      env: PATH,
    }).output();
    const [seenPid, group, state, start] = new TextDecoder().decode(table.stdout).trim().split(" ");
    equal(`${seenPid} ${start}`, (await pid()).trim());
    equal(group, seenPid);
    ok(state?.startsWith("S"));
    // Nobody beats: this guard, too, ends its engine.
    await engine.status;
  });
});

const onLinux = { ignore: Deno.build.os !== "linux" };
Deno.test("lookUp() does not count a dead process that nobody collected", onLinux, async () => {
  const parent = new Deno.Command("sh", {
    args: ["-c", "sleep 0.05 & echo $!; exec sleep 60"],
    stdout: "piped",
  }).spawn();
  const { value } = await parent.stdout.getReader().read();
  const child = Number(new TextDecoder().decode(value));
  try {
    const state = async () => (await Deno.readTextFile(`/proc/${child}/stat`)).split(") ")[1]?.[0];
    await until("it is a zombie", async () => (await state()) === "Z");
    equal((await lookUp([child])).size, 0);
  } finally {
    parent.kill("SIGKILL");
    await parent.status;
  }
});
