import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import { lookUp, tagged } from "./local_process.ts";
import { machineDir, readRecord, writeRecord } from "./local_record.ts";
import {
  enginesOf,
  OBEDIENT,
  patient,
  shellTier,
  STUBBORN,
  until,
  untilLogged,
  withBench,
} from "./local_testing.ts";
import { ProviderError } from "./provider.ts";

const kind = (wanted: string) => (thrown: unknown) =>
  thrown instanceof ProviderError && thrown.kind === wanted;

Deno.test("start() runs the command with its placeholders filled in, and status() says where", async () => {
  const script = 'echo "port $1 machine $2 $FROM_TIER tag $EMBERLANE_MACHINE"; exec sleep 60';
  const tier = shellTier(script);
  tier.local?.command.push("sh", "{port}", "{machine}");
  await withBench(tier, async ({ root, ref, open }) => {
    const local = await open();
    equal((await local.status(ref, patient())).power, "off");
    await local.start(ref, { generation: 1 }, patient());
    const status = await local.status(ref, patient());
    equal(status.power, "on");
    match(status.externalId ?? "", /^local:\d+:\S+$/);
    const port = new URL(status.baseUrl ?? "").port;
    const log = `${machineDir(root, ref.machineId)}/engine.log`;
    await untilLogged(root, ref, "tag mac_");
    equal(
      await Deno.readTextFile(log),
      `port ${port} machine ${ref.machineId} port ${port} tag ${ref.machineId}\n`,
    );
  });
});

Deno.test("start() of a running machine succeeds and changes nothing", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    const before = await local.status(ref, patient());
    await local.start(ref, { generation: 2 }, patient());
    deepEqual(await local.status(ref, patient()), before);
  });
});

Deno.test("start() twice at once by two gateways starts exactly one engine", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const gateways = [await open(), await open(), await open()];
    await Promise.all(
      gateways.flatMap((one) => [
        one.start(ref, { generation: 1 }, patient()),
        one.start(ref, { generation: 1 }, patient()),
      ]),
    );
    equal((await enginesOf(ref.machineId)).length, 1);
  });
});

Deno.test("an effect older than the last one carried out is refused, the same one is done again", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 5 }, patient());
    await local.start(ref, { generation: 5 }, patient());
    await rejects(() => local.stop(ref, { generation: 4 }, patient()), kind("stale-effect"));
    equal((await local.status(ref, patient())).power, "on");
    await local.stop(ref, { generation: 6 }, patient());
    await until("it is off", async () => (await local.status(ref, patient())).power === "off");
    await local.stop(ref, { generation: 7 }, patient());
    await rejects(() => local.start(ref, { generation: 6 }, patient()), kind("stale-effect"));
    equal((await local.status(ref, patient())).power, "off");
  });
});

Deno.test("a restarted machine keeps its port, and siblings get others", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const local = await open();
    const sibling = { ...ref, machineId: `${ref.machineId}_b`, slot: 1 };
    await local.start(ref, { generation: 1 }, patient());
    await local.start(sibling, { generation: 1 }, patient());
    const { baseUrl } = await local.status(ref, patient());
    ok(baseUrl !== (await local.status(sibling, patient())).baseUrl);
    await local.stop(ref, { generation: 2 }, patient());
    await until("it is off", async () => (await local.status(ref, patient())).power === "off");
    equal((await local.status(ref, patient())).baseUrl, baseUrl);
    await local.start(ref, { generation: 3 }, patient());
    equal((await local.status(ref, patient())).baseUrl, baseUrl);
  });
});

Deno.test("stop() signals and returns; the machine is falling until its engine has ended by itself", async () => {
  const script = 'trap "sleep 1; echo bye; exit 0" TERM; echo ready; while :; do sleep 0.1; done';
  await withBench(shellTier(script, "10s"), async ({ root, ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    await untilLogged(root, ref, "ready"); // before its trap stands, the signal ends it at once
    await local.stop(ref, { generation: 2 }, patient());
    equal((await local.status(ref, patient())).power, "falling");
    await rejects(() => local.start(ref, { generation: 3 }, patient()), kind("invalid-state"));
    await until("it is off", async () => (await local.status(ref, patient())).power === "off");
    const log = await Deno.readTextFile(`${machineDir(root, ref.machineId)}/engine.log`);
    match(log, /bye/);
  });
});

Deno.test("an engine that ignores its signal is killed after its grace, though the gateway died meanwhile", async () => {
  await withBench(shellTier(STUBBORN), async ({ root, ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    await untilLogged(root, ref, "ready");
    await local.stop(ref, { generation: 2 }, patient());
    await local.close();
    const pid = (await readRecord(root, ref.machineId))?.process?.pid ?? 0;
    ok((await lookUp([pid])).has(pid));
    await until("it is killed", async () => !(await lookUp([pid])).has(pid));
  });
});

Deno.test("a crashed engine is off, and what it left in its group is ended", async () => {
  await withBench(shellTier("sleep 300 & sleep 301"), async ({ ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    const ours = async () => (await tagged()).filter((one) => one.machineId === ref.machineId);
    await until("its helpers run", async () => (await ours()).length === 3);
    const leader = (await ours()).find(({ pid, group }) => pid === group);
    Deno.kill(leader?.pid ?? 0, "SIGKILL");
    await until("it is off", async () => (await local.status(ref, patient())).power === "off");
    await until("nothing is left", async () => (await ours()).length === 0);
  });
});

Deno.test("list() names live machines of the deployment only", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    const { externalId } = await local.status(ref, patient());
    const listed = await local.list(ref.deploymentId, patient());
    deepEqual(listed.map((one) => [one.machineId, one.externalId]), [[ref.machineId, externalId]]);
    deepEqual(await local.list("another deployment", patient()), []);
    await local.stop(ref, { generation: 2 }, patient());
    await until(
      "none is listed",
      async () => (await local.list(ref.deploymentId, patient())).length === 0,
    );
  });
});

Deno.test("destroy() stops the machine and removes its directory once it is off", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    await local.destroy(ref, { generation: 2 }, patient());
    const there = () => Deno.stat(machineDir(root, ref.machineId)).then(() => true, () => false);
    await until("its directory is gone", async () => {
      await local.heartbeat();
      return !await there();
    });
    await local.destroy(ref, { generation: 3 }, patient());
    equal((await local.status(ref, patient())).power, "off");
  });
});

Deno.test("stopAll() returns when every machine is gone", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const local = await open();
    const sibling = { ...ref, machineId: `${ref.machineId}_b`, slot: 1 };
    await local.start(ref, { generation: 1 }, patient());
    await local.start(sibling, { generation: 1 }, patient());
    await local.stopAll(patient());
    deepEqual(await local.list(ref.deploymentId, patient()), []);
  });
});

Deno.test("stopAll() ends what is being started, and starts nothing from then on", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const local = await open();
    const sibling = { ...ref, machineId: `${ref.machineId}_b`, slot: 1 };
    // Who of the two takes the lock first is left to the system.
    const starting = local.start(ref, { generation: 1 }, patient()).catch((error) =>
      ok(kind("unavailable")(error))
    );
    await local.stopAll(patient());
    await starting;
    await rejects(() => local.start(sibling, { generation: 1 }, patient()), kind("unavailable"));
    deepEqual(await local.list(ref.deploymentId, patient()), []);
  });
});

Deno.test("stopAll() ends a machine that a gateway which died was starting", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    const record = await readRecord(root, ref.machineId);
    if (record === null) throw new Error("unreachable: it was started");
    // As it stands between the intent and the guard's first line.
    await local.stopAll(patient());
    await writeRecord(root, { ...record, process: null, startedAtMs: systemClock.now() });
    await (await open()).stopAll(patient());
    equal((await local.status(ref, patient())).power, "off");
  });
});

Deno.test("start() refuses a tier without a command and an id that would leave the directory", async () => {
  await withBench(shellTier(OBEDIENT), async ({ ref, open }) => {
    const local = await open();
    const start = (changed: object) => () =>
      local.start({ ...ref, ...changed }, { generation: 1 }, patient());
    await rejects(start({ tier: "other" }), kind("invalid-request"));
    await rejects(start({ machineId: "../x" }), kind("invalid-request"));
    await rejects(
      () => local.create(ref, { generation: 1 }, async () => {}, patient()),
      kind("unsupported"),
    );
  });
});

Deno.test("heartbeat() copies an engine's log aside and empties it once it is too long", async () => {
  await withBench(shellTier(OBEDIENT), async ({ root, ref, open }) => {
    const local = await open();
    await local.start(ref, { generation: 1 }, patient());
    const log = `${machineDir(root, ref.machineId)}/engine.log`;
    await Deno.writeFile(log, new Uint8Array(16 * 1024 * 1024));
    await local.heartbeat();
    equal((await Deno.stat(log)).size, 16 * 1024 * 1024);
    await Deno.writeFile(log, new Uint8Array(1), { append: true });
    await local.heartbeat();
    equal((await Deno.stat(log)).size, 0);
    equal((await Deno.stat(`${log}.1`)).size, 16 * 1024 * 1024 + 1);
  });
});
