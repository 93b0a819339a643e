/** Tests of replica_process.ts and replica_count.ts. */
import assert from "node:assert/strict";
import { readyLine, relay, startFlags } from "./replica_process.ts";
import { replicaCount } from "./replica_count.ts";

const notice = { url: "http://127.0.0.1:8000", replicaId: "rep_1", demoKey: null };

Deno.test("startFlags() reads the flags of the repository's own start task, and only those", async () => {
  const flags = startFlags(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  assert.ok(flags.includes("--allow-net"));
  assert.ok(flags.every((flag) => flag.startsWith("--")), flags.join(" "));
  assert.ok(!flags.includes("-A") && !flags.includes("--allow-all"));
});

Deno.test("relay() hands lines on byte for byte and hears the notice, wherever the pipe cuts", async () => {
  const before = '{"event":"migrated"}\n';
  const after = '{"event":"é"}\nhalf a line';
  const bytes = new TextEncoder().encode(before + readyLine(notice) + after);
  for (let size = 1; size <= bytes.length; size++) {
    const heard: string[] = [];
    const written: Uint8Array[] = [];
    const chunks = ReadableStream.from((function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
    })());
    await relay(chunks, (part) => written.push(part), (line) => heard.push(line));
    assert.equal(
      new TextDecoder().decode(await new Blob(written as BlobPart[]).bytes()),
      before + after,
    );
    assert.deepEqual(heard.map((line) => JSON.parse(line)), [notice]);
  }
});

Deno.test("replicaCount() takes one for every four cores, at least one and at most four, unless told", () => {
  const on = (cores: number, replicas: number | null = null, port = 8000, os = "linux") =>
    replicaCount({ replicas, port }, { cores, os });
  assert.deepEqual([1, 4, 7, 8, 16, 64].map((cores) => on(cores)), [1, 1, 1, 2, 4, 4]);
  assert.equal(on(1, 3), 3);
  assert.equal(on(8, null, 0), 1);
  assert.equal(on(8, 4, 8000, "darwin"), 1);
});
