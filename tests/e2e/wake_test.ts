/** Wakes end to end: one for a thousand requests, one that never finishes, one that is watched, one between two replicas. */
import assert from "node:assert/strict";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import {
  chat,
  fleetYaml,
  machineProcesses,
  makeKey,
  simTier,
  startGateway,
  tempDir,
  until,
} from "./support.ts";

const fast = ["--startup=weights=0.2", "--time-to-first-token=20", "--inter-token-latency=2"];
/** An engine that never finishes loading. */
const stuck = ["--startup=weights=3600"];

Deno.test("1,000 simultaneous requests on a cold tier wake one machine; those past the bound are told 429 and none is lost", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret } = await makeKey(database.sql);
  // Long enough to load that all thousand are there before it is ready, on a slow machine too.
  const slow = ["--startup=weights=6", "--time-to-first-token=20", "--max-num-seqs=1024"];
  const tier = simTier("spot", {
    flags: slow,
    extra: "held_max: 900\nmachines: 2\nconcurrency: 2000",
  });
  const gateway = await startGateway(fleetYaml(tier), database.target, dir.path);
  try {
    const answers = await Promise.all(Array.from({ length: 1_000 }, async () => {
      const response = await chat(gateway.url, secret, { max_tokens: 4 });
      return { status: response.status, body: await response.json() };
    }));
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 429);
    assert.equal(served.length + refused.length, 1_000, "none lost");
    assert.ok(refused.length > 0, "the bound was reached");
    assert.ok(refused.length <= 100, `${refused.length} refused although 900 may wait`);
    assert.ok(refused.every(({ body }) => body.error.code === "queue_full"));
    const starts = await database
      .sql`select id from operations where kind = 'move' and act = 'start'`;
    const wakes = await database.sql`select id from wakes`;
    assert.equal(wakes.length, 1, "one wake");
    assert.equal(starts.length, 1, "one start");
    await until("every row stands", async () => {
      const [row] = await database.sql<{ closed: number; refused: number }[]>`
        select count(*) filter (where ended = 'complete') as closed, count(*) filter (where ended = 'refused') as refused
        from usage where closed_at is not null`;
      return row?.closed === served.length && row.refused === refused.length;
    });
  } finally {
    await gateway.stop();
  }
});

Deno.test("a wake that never finishes: 504 at the cap for those who hold, 503 in time for those who prefer, one error event for those who watch", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret } = await makeKey(database.sql);
  const fleet = fleetYaml(simTier("spot", { flags: stuck }), {
    gateway: "{ wake_cap: 3s, heartbeat: 500ms }",
  });
  const gateway = await startGateway(fleet, database.target, dir.path);
  try {
    const hold = chat(gateway.url, secret);
    const watch = chat(gateway.url, secret, {
      stream: true,
      headers: { "x-emberlane-wake": "stream" },
    });
    const preferred = await chat(gateway.url, secret, { headers: { prefer: "wait=1" } });
    assert.equal(preferred.status, 503);
    assert.equal((await preferred.json()).error.code, "warming_up");
    assert.match(preferred.headers.get("retry-after") ?? "", /^\d+$/);
    const [wake] = await database.sql<
      { ended: Date | null }[]
    >`select ended_at as ended from wakes`;
    assert.equal(wake?.ended, null, "the wake goes on");

    const held = await hold;
    assert.equal(held.status, 504);
    assert.equal(held.headers.get("x-should-retry"), "false");
    assert.match(held.headers.get("retry-after") ?? "", /^\d+$/);
    assert.equal((await held.json()).error.code, "wake_timeout");

    const watched = await watch;
    assert.equal(watched.status, 200);
    const text = await watched.text();
    const beats = text.match(/^: waking tier=spot phase=\w+ waited_ms=\d+ eta_ms=unknown$/gm) ?? [];
    assert.ok(beats.length >= 3, text);
    const events = text.match(/^data: .*$/gm) ?? [];
    assert.equal(events.length, 1);
    assert.equal(JSON.parse(events[0]?.slice(6) ?? "").error.code, "wake_timeout");
    assert.doesNotMatch(text, /\[DONE\]/);
    await until("three refused rows", async () => {
      const rows = await database
        .sql`select id from usage where ended = 'refused' and status in (503, 504)`;
      return rows.length === 3;
    });
  } finally {
    await gateway.stop();
  }
});

Deno.test("a command that cannot run fails the wake, and the request is told why instead of being held to the cap", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret } = await makeKey(database.sql);
  const gateway = await startGateway(
    fleetYaml(simTier("spot", { flags: ["--no-such-flag"] })),
    database.target,
    dir.path,
  );
  try {
    const response = await chat(gateway.url, secret);
    assert.equal(response.status, 503);
    const { error } = await response.json();
    assert.equal(error.code, "no_upstream");
    assert.match(response.headers.get("retry-after") ?? "", /^\d+$/);
  } finally {
    await gateway.stop();
  }
});

Deno.test("the streamed wake beats while the machine comes up and then carries the whole answer", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret } = await makeKey(database.sql);
  const fleet = fleetYaml(simTier("spot", { flags: fast }), { gateway: "{ heartbeat: 200ms }" });
  const gateway = await startGateway(fleet, database.target, dir.path);
  try {
    const response = await chat(gateway.url, secret, {
      stream: true,
      headers: { "x-emberlane-wake": "stream" },
    });
    const text = await response.text();
    assert.match(text, /^: waking tier=spot phase=asked /);
    assert.match(text, /"finish_reason":"(stop|length)"/);
    assert.ok(text.endsWith("data: [DONE]\n\n"));
    assert.ok(!text.includes("\n\n\n") && !/^(id|retry):/m.test(text));
  } finally {
    await gateway.stop();
  }
});

Deno.test("two replicas share one wake, a revoked key is refused by both within a second, and the idle machine is stopped", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { secret, id } = await makeKey(database.sql);
  const fleet = fleetYaml(
    simTier("spot", { flags: fast, extra: "" }).replace("idle: 10m", "idle: 2s"),
  );
  const [one, two] = await Promise.all([
    startGateway(fleet, database.target, dir.path),
    startGateway(fleet, database.target, dir.path),
  ]);
  try {
    const answers = await Promise.all(
      [one, two, one, two].map(({ url }) => chat(url, secret, { max_tokens: 3 })),
    );
    for (const answer of answers) assert.equal(answer.status, 200, await answer.text());
    assert.equal((await database.sql`select id from wakes`).length, 1);

    await database.sql`update api_keys set revoked_at = now() where id = ${id}`;
    await until("both replicas refuse the key", async () => {
      const refused = await Promise.all([one, two].map(({ url }) => chat(url, secret)));
      await Promise.all(refused.map((response) => response.body?.cancel()));
      return refused.every(({ status }) => status === 401);
    }, 1_000);

    const [machine] = await database.sql<{ id: string }[]>`select id from machines`;
    await until("the idle machine is asleep", async () => {
      const [row] = await database.sql<{ place: string }[]>`select place from machines`;
      return row?.place === "asleep";
    });
    const running = await machineProcesses([machine?.id ?? ""]);
    assert.deepEqual(running.get(machine?.id ?? ""), [], "its process is gone");
    const story = await database.sql<{ place: string }[]>`
      select to_place as place from operations where kind = 'move' order by generation`;
    const places = story.map(({ place }) => place).filter((place, i, all) => place !== all[i - 1]);
    assert.deepEqual(places, ["waking", "loading", "ready", "draining", "stopping", "asleep"]);
  } finally {
    await Promise.all([one.stop(), two.stop()]);
  }
});
