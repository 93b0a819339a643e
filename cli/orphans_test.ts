/** Tests of `orphans`: what is found and ended, with the database and without. */
import assert from "node:assert/strict";
import { type Clock, later, millis, systemClock } from "@/lib/kernel/clock.ts";
import { type DatabaseTarget } from "@/lib/kernel/database.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { readDeploymentId } from "@/lib/fleet/deployment_store.ts";
import { readJournal } from "@/lib/fleet/journal_store.ts";
import { CONFIRM_AFTER } from "@/lib/fleet/orphans.ts";
import { addMachine } from "@/lib/fleet/stores_testing.ts";
import { machineName } from "@/lib/providers/hyperstack/machine_name.ts";
import { call, CREATE, MACHINES, withKey } from "@/sim/hyperstack/hyperstack_testing.ts";
import { type Hyperstack, startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import { LOOK_EVERY } from "./orphans_end.ts";
import { cli, cliJson } from "./test_cli.ts";

const AT_ONCE = { leastMs: 0, mostMs: 0 };
const OTHER = "dep_fedcba9876543210";
const nowhere: DatabaseTarget = { kind: "url", url: "postgres://u:hidden@127.0.0.1:1/db" };

type Account = {
  api: Hyperstack;
  io: { root: string; env: Record<string, string>; clock: Clock };
};

async function withAccount(
  test: (account: Account) => Promise<void>,
): Promise<void> {
  const durations = { creating: AT_ONCE, building: AT_ONCE, address: AT_ONCE, deleting: AT_ONCE };
  const api = await startHyperstack({ durations });
  const root = await Deno.makeTempDir({ prefix: "emberlane-orphans-" });
  try {
    await withKey(api);
    await Deno.writeTextFile(
      `${root}/fleet.yaml`,
      `
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 1000 }]
providers: { hyperstack: { base_url: "${api.url}", environment: default-CANADA-1, key_name: k } }
lineup:
  - { name: s, provider: static, band: spot, serves: { m: m }, static: { urls: ["http://localhost:1"] } }
`,
    );
    await test({ api, io: { root, env: { HYPERSTACK_API_KEY: api.apiKey }, clock: leaping() } });
  } finally {
    await api.close();
    await Deno.remove(root, { recursive: true });
  }
}

/** Rents a machine behind our back. Answers its id at the provider. */
async function rent(api: Hyperstack, name: string): Promise<string> {
  await call(api, "POST", MACHINES, { ...CREATE, name });
  return String(api.control.vms().at(-1)?.id);
}

const nameOf = (deploymentId: string, machineId = newId("mac", systemClock.now())) =>
  machineName(deploymentId, machineId);

const living = (api: Hyperstack) =>
  api.control.vms().filter(({ status }) => status !== "DELETED").map(({ id }) => String(id));

Deno.test("orphans tells ours from those nobody remembers, ends the latter with --execute, and journals it", async () => {
  await withAccount(async ({ api, io }) => {
    await using db = await testDatabase();
    const deploymentId = await readDeploymentId(db.sql);
    const ours = await rent(api, nameOf(deploymentId));
    await addMachine(db.sql, { provider: "hyperstack", externalId: ours });
    const orphan = await rent(api, nameOf(deploymentId));
    const theirs = await rent(api, nameOf(OTHER));
    const nobodys = await rent(api, "web-1");

    const shown = await cli(db.target, ["orphans"], io);
    assert.equal(shown.code, 0, shown.err);
    assert.match(shown.err, new RegExp(`Deployment ${deploymentId}, held against the database`));
    assert.match(shown.out, new RegExp(`${ours} .* ours\\n`));
    assert.match(shown.out, new RegExp(`${orphan} .* orphan\\n`));
    assert.doesNotMatch(shown.out, new RegExp(`${theirs}|${nobodys}`));
    assert.equal(living(api).length, 4, "nothing was ended");

    api.control.fault("delete", "unheard");
    const { code, json, err } = await cliJson(db.target, ["orphans", "--execute"], io);
    assert.equal(code, 0, err);
    assert.match(err, /Looking again in 1 min/);
    const { mode, ended } = json as { mode: string; ended: unknown };
    assert.equal(mode, "database");
    assert.deepEqual(ended, [
      { provider: "hyperstack", external_id: orphan, gone: true, because: null },
    ]);
    assert.deepEqual(living(api), [ours, theirs, nobodys]);
    const journal = await readJournal(db.sql, { limit: 10 });
    assert.deepEqual(journal.map(({ because, detail }) => [because, detail["by"]]), [
      ["orphan seen", "cli"],
      ["orphan confirmed; asked to end", "cli"],
      ["orphan confirmed; asked to end", "cli"],
      ["orphan gone", "cli"],
    ]);
  });
});

/** Its pauses take no time and are over when they end; a limit on a call never comes. */
function leaping(onPause: () => Promise<void> = () => Promise.resolve()): Clock {
  const pauses: readonly number[] = [CONFIRM_AFTER, LOOK_EVERY];
  let aheadMs = 0;
  return {
    now: () => later(systemClock.now(), millis(aheadMs)),
    elapsedMs: () => systemClock.elapsedMs() + aheadMs,
    async sleep(span, signal) {
      if (!pauses.includes(span)) return await systemClock.sleep(span, signal);
      aheadMs += span;
      await onPause();
    },
  };
}

Deno.test("orphans --execute spares a machine that became ours between the two looks", async () => {
  await withAccount(async ({ api, io }) => {
    await using db = await testDatabase();
    const late = await rent(api, nameOf(await readDeploymentId(db.sql)));
    const clock = leaping(async () => {
      await addMachine(db.sql, { provider: "hyperstack", externalId: late });
    });
    const { code, json } = await cliJson(db.target, ["orphans", "--execute"], { ...io, clock });
    assert.equal(code, 0);
    assert.deepEqual((json as { ended: unknown }).ended, []);
    assert.deepEqual(living(api), [late]);
  });
});

Deno.test("orphans works from the credentials alone, says so, and ends nothing unless told whose", async () => {
  await withAccount(async ({ api, io }) => {
    const one = await rent(api, nameOf(OTHER));
    const two = await rent(api, nameOf("dep_0123456789abcdef"));
    const shown = await cliJson(nowhere, ["orphans"], io);
    assert.equal(shown.code, 0, shown.err);
    const { mode, because, machines } = shown.json as {
      mode: string;
      because: string;
      machines: { external_id: string; deployment_id: string; verdict: string }[];
    };
    assert.equal(mode, "credentials");
    assert.match(because, /^Cannot reach the database/);
    assert.deepEqual(
      machines.map((each) => [each.external_id, each.deployment_id, each.verdict]),
      [[one, OTHER, "unchecked"], [two, "dep_0123456789abcdef", "unchecked"]],
    );

    for (const more of [[], ["--without-database"]]) {
      const refused = await cli(nowhere, ["orphans", "--execute", ...more], io);
      assert.equal(refused.code, 2);
      assert.match(refused.err, /without knowing which are in use/);
    }
    assert.equal((await cli(nowhere, ["orphans", "--deployment", OTHER], io)).code, 2);
    assert.deepEqual(living(api), [one, two]);

    const told = ["orphans", "--execute", "--without-database", "--deployment", OTHER];
    const ended = await cli(nowhere, told, io);
    assert.equal(ended.code, 0, ended.err);
    assert.match(ended.out, new RegExp(`${one} +gone`));
    assert.deepEqual(living(api), [two]);
  });
});

Deno.test("orphans exits 1 and says which are still there, when a machine does not go", async () => {
  await withAccount(async ({ api, io }) => {
    const id = await rent(api, nameOf(OTHER));
    api.control.fault("delete", "server_error", { times: 1_000 });
    const told = ["orphans", "--execute", "--without-database", "--deployment", OTHER, "--json"];
    const ran = await cli(nowhere, told, io);
    assert.equal(ran.code, 1);
    assert.match(ran.err, /Cannot see 1 of 1 machines gone/);
    const { ended } = JSON.parse(ran.out) as { ended: { external_id: string; gone: boolean }[] };
    assert.deepEqual(ended.map((each) => [each.external_id, each.gone]), [[id, false]]);
  });
});

Deno.test("orphans says what is missing to ask a provider, and when one does not answer", async () => {
  await withAccount(async ({ api, io }) => {
    const keyless = await cli(nowhere, ["orphans"], { ...io, env: {} });
    assert.equal(keyless.code, 78);
    assert.match(keyless.err, /set HYPERSTACK_API_KEY/);
    api.control.fault("list", "server_error", { times: 3 });
    const down = await cli(nowhere, ["orphans"], io);
    assert.equal(down.code, 69);
    assert.match(down.err, /Cannot list the machines: hyperstack list: 500/);
    assert.ok(!down.err.includes(api.apiKey));
  });
});
