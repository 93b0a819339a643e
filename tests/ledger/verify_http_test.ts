/** A stranger's way: the inputs over HTTP from a running gateway, `deno task verify` as a process, and a row altered by hand. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { instant } from "@/lib/kernel/clock.ts";
import { silentLog } from "@/lib/kernel/log.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { writeHistory } from "@/lib/ledger/publication/history_testing.ts";
import { sealDays } from "@/lib/ledger/publication/seal_days.ts";
import { runVerify, type VerifyIo } from "@/cli/verify.ts";
import { fleetYaml, simTier, startGateway, tempDir } from "../e2e/support.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DAY_MS = 86_400_000;

async function inProcess(args: readonly string[]) {
  let out = "";
  let err = "";
  const io: VerifyIo = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    fresh: testDatabase,
    signal: new AbortController().signal,
  };
  return { code: await runVerify(args, io), out, err };
}

async function asProcess(args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "verify", ...args],
    cwd: ROOT,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("deno task verify passes on a gateway's inputs over HTTP and from a folder, and fails when a sealed row is altered", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const { sql } = database;
  const now = Date.now();
  const midnight = Math.floor(now / DAY_MS) * DAY_MS - DAY_MS;
  await writeHistory(sql, { from: instant(midnight - 55 * 60_000), minutes: 120, gaps: [20] });
  await sealDays({ sql, log: silentLog }, instant(now));
  const gateway = await startGateway(fleetYaml(simTier("spot")), database.target, dir.path);
  try {
    const saved = join(dir.path, "inputs");
    const first = await asProcess(["--url", gateway.url, "--window", "7d", "--save", saved]);
    assert.equal(first.code, 0, first.out + first.err);
    assert.match(first.out, /^ok +files: \d+ files of publication pub_/);
    assert.match(first.out, /\nok +days: \d whole days/);
    assert.match(first.out, /\nok +spend: \d+ rows of 119 bills made again/);
    assert.match(first.out, /\n\d+ checks passed, 0 failed, \d+ could not be made\n$/);

    const again = await inProcess(["--dir", saved, "-o", "json"]);
    assert.equal(again.code, 0);
    assert.equal(JSON.parse(again.out).ok, true);

    const files = `${gateway.url}/economics/inputs`;
    const { publication } = JSON.parse(await Deno.readTextFile(join(saved, "manifest.json")));
    const readings = await fetch(`${files}/${publication}/readings.csv`);
    const etag = readings.headers.get("etag") ?? "";
    assert.equal(etag.replace(/^W\//, ""), `"${publication}/readings.csv"`);
    assert.equal(await readings.text(), await Deno.readTextFile(join(saved, "readings.csv")));
    const known = await fetch(`${files}/${publication}/readings.csv`, {
      headers: { "if-none-match": etag },
    });
    assert.equal(known.status, 304);
    for (
      const path of [`${publication}/nothing.csv`, `pub_x/readings.csv`, `${publication}/..%2f`]
    ) {
      const none = await fetch(`${files}/${path}`);
      await none.body?.cancel();
      assert.equal(none.status, 404, path);
    }
    const wrong = await fetch(`${files}.json?window=1y`);
    assert.equal(wrong.status, 400);
    assert.match(await wrong.text(), /choose one of 24h, 7d, 30d/);
    const page = await (await fetch(`${files}?window=7d`)).text();
    assert.ok(page.includes(`/economics/inputs/${publication}/readings.csv`));

    await sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`
        update billing_readings set total_nano_usd = total_nano_usd + 1
        where resource_id = 'disk-1' and minute = ${new Date(midnight - 30 * 60_000)}
      `;
      await tx`delete from publications`; // as when it is no longer fresh
    });
    const altered = await inProcess(["--url", gateway.url, "--window", "7d"]);
    assert.equal(altered.code, 1, altered.err);
    assert.match(
      altered.out,
      /FAILED +days: .*\n +\d{4}-\d\d-\d\d readings: \d+ lines, but not those/,
    );
    assert.match(
      altered.out,
      /FAILED +spend: .*\n +\d{4}-\d\d-\d\d 23:30:00\+00 billed disk-1: published/,
    );
  } finally {
    await gateway.stop();
  }
});

Deno.test("deno task verify passes where no bill and no day is sealed yet, and says what it could not check", async () => {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const gateway = await startGateway(fleetYaml(simTier("spot")), database.target, dir.path);
  try {
    const { code, out, err } = await inProcess(["--url", gateway.url]);
    assert.equal(code, 0, out + err);
    assert.match(out, /\nnot checked chain: no day is sealed yet\n/);
    assert.match(out, /\nnot checked spend: no bill was read in the window\n/);
    assert.match(out, /\nok +figure requests_and_tokens: 1 row, the same\n/);
  } finally {
    await gateway.stop();
  }
});

Deno.test("deno task verify says what is wrong with its arguments and with where it is sent", async () => {
  const codes = async (...args: string[]) => (await inProcess(args)).code;
  assert.equal(await codes(), 2);
  assert.equal(await codes("--url", "ftp://x"), 2);
  assert.equal(await codes("--url", "http://127.0.0.1:1", "--digest", "abc"), 2);
  assert.equal(await codes("--url", "http://127.0.0.1:1", "--from", "2026-11-01"), 2);
  assert.equal(await codes("--url", "http://127.0.0.1:1", "--dir", "x"), 2);
  assert.equal(await codes("--window", "1y"), 2);
  assert.equal(await codes("--url", "http://127.0.0.1:1"), 69);
  const bomb = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("x".repeat(2_000_000)),
  );
  try {
    const { code, err } = await inProcess(["--url", `http://127.0.0.1:${bomb.addr.port}`]);
    assert.equal(code, 69);
    assert.match(err, /sends more than 1000000 bytes/);
  } finally {
    await bomb.shutdown();
  }
});
