/** The front under clients that read slowly and under a gateway that stops: memory stays bounded, answers come whole. */
import assert from "node:assert/strict";
import { chat, fleetYaml, makeKey, simTier, startGateway, tempDir, until } from "../e2e/support.ts";
import { testDatabase } from "@/lib/kernel/test_database.ts";

async function withGateway(
  flags: string[],
  body: (gateway: Awaited<ReturnType<typeof startGateway>>, secret: string) => Promise<void>,
): Promise<void> {
  await using database = await testDatabase();
  await using dir = await tempDir();
  const gateway = await startGateway(
    fleetYaml(simTier("spot", { flags })),
    database.target,
    dir.path,
  );
  try {
    await body(gateway, (await makeKey(database.sql)).secret);
  } finally {
    await gateway.stop();
  }
}

Deno.test("a gateway that stops lets a running stream end whole, and takes nothing new", async () => {
  await withGateway(["--inter-token-latency=20"], async (gateway, secret) => {
    const response = await chat(gateway.url, secret, {
      stream: true,
      max_tokens: 60,
      ignore_eos: true,
    });
    assert.equal(response.status, 200);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader?.read())?.value ?? "";
    const stopped = gateway.stop();
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
      text += part.value;
    }
    assert.match(text, /data: \[DONE\]/);
    await stopped;
    await assert.rejects(chat(gateway.url, secret));
  });
});

Deno.test("a client that reads nothing slows the engine down instead of filling our memory, and gets all of it later", async () => {
  const flags = ["--inter-token-latency=0", "--max-model-len=400000"];
  await withGateway(flags, async (gateway, secret) => {
    const { port } = new URL(gateway.url);
    assert.equal((await chat(gateway.url, secret, { max_tokens: 1 })).status, 200); // awake
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    const tokens = 200_000; // 50 MB
    const body = JSON.stringify({
      ...{ model: "m", stream: true, max_tokens: tokens, ignore_eos: true },
      messages: [{ role: "user", content: "Hello" }],
    });
    const head =
      `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nauthorization: Bearer ${secret}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head + body));
    // Of this isolate: other tests run in the process.
    const used = () => Deno.memoryUsage().heapUsed + Deno.memoryUsage().external;
    const before = used();
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // the engine could send it all meanwhile
    const grew = used() - before;
    assert.ok(grew < 40_000_000, `grew by ${grew}`);
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of connection.readable) {
      text = text.slice(-200) + decoder.decode(bytes, { stream: true });
      if (text.includes("data: [DONE]")) break;
    }
    assert.match(text, /data: \[DONE\]/);
    await until("the stream is counted closed", async () => {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      return /emberlane_open_streams 0/.test(metrics);
    });
  });
});
