/** Tests of client.ts: what the network does to a call. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { createServer } from "node:net";
import { z } from "zod";
import { instant, manualClock, seconds, systemClock } from "@/lib/kernel/clock.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { ProviderError } from "../provider.ts";
import { ownTurns, sharedTurns } from "../turns.ts";
import { openClient } from "./client.ts";
import { retryAfterOf } from "./failure.ts";

/** Answers the first call and cuts the connection of every later one; says what it was sent. */
async function cuttingServer() {
  const sent: string[] = [];
  const server = createServer((connection) => {
    connection.on("error", () => {});
    connection.on("data", (bytes) => {
      sent.push(bytes.toString().split(" HTTP")[0] ?? "");
      if (sent.length > 1) connection.resetAndDestroy();
      else connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("unreachable: it listens");
  return { sent, port: address.port, server };
}

Deno.test("openClient() sends an act once, even when a kept connection would be cut under it", async () => {
  const { sent, port, server } = await cuttingServer();
  const client = openClient({
    baseUrl: `http://127.0.0.1:${port}`,
    apiKey: "k",
    turns: ownTurns("hyperstack", 10, systemClock),
    clock: systemClock,
  });
  const { signal } = new AbortController();
  const act = (path: string) =>
    client.call(
      { operation: "create", kind: "act", method: "POST", path, body: {}, answer: z.unknown() },
      signal,
    );
  try {
    await act("/first");
    await rejects(
      act("/second"),
      (error) => error instanceof ProviderError && error.kind === "ambiguous-write",
    );
    deepEqual(sent, ["POST /first", "POST /second"]);
  } finally {
    client.close();
    server.close();
  }
  equal(sent.length, 2);
});

Deno.test("a 429 of one replica holds all of them, for as long as it says and else to the end of the minute", async () => {
  await using db = await testDatabase();
  const clock = manualClock();
  const answers: Response[] = [];
  let asked = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    asked++;
    return answers.shift() ?? Response.json({});
  });
  const replicas = [1, 2].map(() =>
    openClient({
      baseUrl: `http://127.0.0.1:${server.addr.port}`,
      apiKey: "k",
      turns: sharedTurns(db.sql, "hyperstack", 100, clock),
      clock,
    })
  );
  const { signal } = new AbortController();
  const calls = replicas.map((client) => async () => {
    try {
      await client.call({
        ...{ operation: "list", kind: "read", method: "GET", path: "/", answer: z.unknown() },
      }, signal);
      return null;
    } catch (error) {
      if (error instanceof ProviderError && error.kind === "rate-limited") {
        return error.options.retryAfterMs;
      }
      throw error;
    }
  });
  const [one, two] = calls;
  if (one === undefined || two === undefined) throw new Error("two stand above");
  try {
    answers.push(new Response("{}", { status: 429, headers: { "retry-after": "7" } }));
    equal(await one(), 7_000);
    deepEqual([await two(), await one()], [7_000, 7_000]);
    equal(asked, 1);
    clock.advance(seconds(7));
    equal(await two(), null);
    answers.push(new Response("too many", { status: 429 }));
    equal(await two(), 60_000);
    equal(await one(), 60_000);
    equal(asked, 3);
  } finally {
    for (const client of replicas) client.close();
  }
});

Deno.test("retryAfterOf() reads seconds and dates, and nothing else", () => {
  const now = instant(Date.UTC(2026, 10, 21));
  equal(retryAfterOf("120", now), 120_000);
  equal(retryAfterOf("Sat, 21 Nov 2026 00:01:00 GMT", now), 60_000);
  equal(retryAfterOf("Fri, 20 Nov 2026 00:00:00 GMT", now), 0);
  equal(retryAfterOf("soon", now), null);
  equal(retryAfterOf(null, now), null);
});
