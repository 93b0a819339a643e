/** Tests of client.ts: what the network does to a call. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { createServer } from "node:net";
import { z } from "zod";
import { systemClock } from "@/lib/kernel/clock.ts";
import { ProviderError } from "../provider.ts";
import { openClient } from "./client.ts";

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
    requestsPerMinute: 10,
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
