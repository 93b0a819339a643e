/** A whole engine over its port: heads, streams, accounting, auth, profiles. */

import assert from "node:assert/strict";
import { eventually, type RawAnswer, type RawRequest } from "./http/raw_client.ts";
import { CHAT, HI, SLOW, withEngine } from "./with_engine.ts";

const chat = (body: unknown, headers: Record<string, string> = {}): RawRequest => ({
  path: CHAT,
  body: { ...HI, ...Object(body) },
  headers,
});

Deno.test("startEngine() answers with uvicorn's headers and no others", async () => {
  await withEngine({}, async (_engine, go) => {
    const names = (answer: RawAnswer) =>
      answer.headers.map((line) => line.replace(/^date: .*/, "date"));
    const health = await go({ path: "/health" });
    assert.equal(health.status, 200);
    assert.deepEqual(names(health), ["date", "server: uvicorn", "content-length: 0"]);
    const version = await go({ path: "/version" });
    assert.equal(version.body, '{"version":"0.24.0"}');
    assert.deepEqual(names(version), [
      "date",
      "server: uvicorn",
      "content-length: 20",
      "content-type: application/json",
    ]);
    const stream = await go(chat({ stream: true }, { "x-sim-tokens": "2" }));
    assert.deepEqual(names(stream), [
      "date",
      "server: uvicorn",
      "content-type: text/event-stream; charset=utf-8",
      "transfer-encoding: chunked",
    ]);
  });
});

Deno.test("startEngine() streams role, tokens, usage and the terminator, with the first served name", async () => {
  await withEngine({}, async (engine, go) => {
    const { body, end } = await go(
      chat(
        { model: "alias", stream: true, stream_options: { include_usage: true } },
        { "x-sim-tokens": "3", "x-request-id": "r1" },
      ),
    );
    assert.equal(end, "whole");
    const events = body.trimEnd().split("\n\n");
    assert.equal(events.length, 6);
    assert.ok(
      events.slice(0, 5).every((event) =>
        event.startsWith('data: {"id":"chatcmpl-r1","object":"chat.completion.chunk",')
      ),
    );
    assert.ok(events.slice(0, 5).every((event) => event.includes('"model":"m"')));
    assert.match(events[3] ?? "", /"finish_reason":"stop","stop_reason":null/);
    assert.match(
      events[4] ?? "",
      /"choices":\[\],"usage":\{"prompt_tokens":10,"total_tokens":13,"completion_tokens":3\}/,
    );
    assert.equal(events[5], "data: [DONE]");
    assert.deepEqual(engine.stats().by_request.r1, {
      generated: 3,
      prompt_tokens: 10,
      finished_reason: "stop",
      aborted_at_ms: null,
    });
  });
});

Deno.test("startEngine() gives the same text for the same request and seed", async () => {
  const texts: string[] = [];
  for (const seed of [1, 1, 2]) {
    await withEngine({ seed }, async (_engine, go) => {
      const { body } = await go(chat({ max_tokens: 30 }, { "x-sim-tokens": "30" }));
      texts.push(JSON.parse(body).choices[0].message.content);
    });
  }
  assert.equal(texts[0], texts[1]);
  assert.notEqual(texts[0], texts[2]);
});

Deno.test("startEngine() interleaves the choices of n and counts the prompt once", async () => {
  await withEngine({}, async (engine, go) => {
    const { body } = await go(
      chat({ stream: true, n: 2, stream_options: { include_usage: true } }, {
        "x-sim-tokens": "20",
      }),
    );
    const indices = [...body.matchAll(/"index":(\d),"delta":\{"content"/g)].map((match) =>
      match[1]
    );
    assert.equal(indices.length, 40);
    assert.notEqual(indices.join(""), "0".repeat(20) + "1".repeat(20));
    assert.match(body, /"usage":\{"prompt_tokens":10,"total_tokens":50,"completion_tokens":40\}/);
    assert.equal(engine.stats().generated_tokens, 40);
  });
});

Deno.test("startEngine() aborts within a step when the client leaves, and counts what it had made", async () => {
  await withEngine({ latency: SLOW }, async (engine, go) => {
    await go({
      ...chat({ stream: true }, { "x-sim-tokens": "500", "x-request-id": "gone" }),
      leaveWhen: (seen) => seen.split('"content":').length > 3,
    });
    await eventually(() => engine.stats().running === 0, "nothing runs");
    const record = engine.stats().by_request.gone;
    assert.equal(record?.finished_reason, "abort");
    assert.ok(record.aborted_at_ms !== null && record.generated >= 2 && record.generated < 10);
    const metrics = (await go({ path: "/metrics" })).body;
    assert.match(
      metrics,
      /vllm:request_success_total\{model_name="m",engine="0",finished_reason="abort"\} 1\.0/,
    );
    assert.match(
      metrics,
      new RegExp(`vllm:generation_tokens_total\\{.*\\} ${record.generated}\\.0`),
    );
  });
});

Deno.test("startEngine() aborts an answer that is not streamed too", async () => {
  await withEngine({ latency: SLOW }, async (engine) => {
    const controller = new AbortController();
    const pending = fetch(engine.url + CHAT, {
      method: "POST",
      headers: { "content-type": "application/json", "x-sim-tokens": "500" },
      body: JSON.stringify(HI),
      signal: controller.signal,
    }).catch(() => null);
    await eventually(() => engine.stats().running === 1, "it runs");
    controller.abort();
    await pending;
    await eventually(() => engine.stats().aborted === 1, "it is aborted");
  });
});

Deno.test("startEngine() closes an idle connection after its keep-alive time, and serves several before", async () => {
  await withEngine({ keepAliveMs: 30 }, async (engine) => {
    const connection = await Deno.connect({ port: engine.port, hostname: "127.0.0.1" });
    const buffer = new Uint8Array(4_096);
    for (let i = 0; i < 2; i++) {
      await connection.write(new TextEncoder().encode("GET /health HTTP/1.1\r\nhost: x\r\n\r\n"));
      assert.ok(await connection.read(buffer));
    }
    let ended = false;
    const end = connection.read(buffer).then((read) => ended = read === null);
    await eventually(() => ended, "the server closes");
    await end;
    connection.close();
  });
});

Deno.test("startEngine() reads a pipelined request, a chunked body and an old client", async () => {
  await withEngine({}, async (engine) => {
    const connection = await Deno.connect({ port: engine.port, hostname: "127.0.0.1" });
    const body = JSON.stringify({ model: "m", prompt: "a b" });
    const half = body.length >> 1;
    const chunks = [body.slice(0, half), body.slice(half), ""]
      .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
    await connection.write(new TextEncoder().encode(
      `POST /tokenize HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `transfer-encoding: chunked\r\n\r\n${chunks}GET /version HTTP/1.0\r\n\r\n`,
    ));
    const text = await new Response(connection.readable).text();
    assert.match(text, /"count":2,.*\{"version":"0\.24\.0"\}$/s);
    assert.match(text, /connection: close\r\n\r\n\{"version"/);
  });
});
