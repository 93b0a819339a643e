/** Recorded exchanges replayed through the gateway, cut anywhere: bytes in are bytes out, less what nobody asked for. */
import assert from "node:assert/strict";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { EXCHANGES, PROFILES } from "../recordings/record.ts";
import { fleetYaml, makeKey, startGateway, tempDir } from "./support.ts";

const RECORDINGS = new URL("../recordings/", import.meta.url);

type Recording = { name: string; bytes: Uint8Array; type: string };

for (const profile of PROFILES) {
  Deno.test(`recorded exchanges of profile ${profile} pass through byte for byte, wherever the network cuts them`, async () => {
    await using database = await testDatabase();
    await using dir = await tempDir();
    const { secret, id } = await makeKey(database.sql);
    await using engine = replayer();
    const tier = `
  - { name: spot, provider: static, band: spot, serves: { m: m }, static: { urls: ["${engine.url}"] } }`;
    const gateway = await startGateway(fleetYaml(tier), database.target, dir.path);
    const through = async (recording: Recording, body: Record<string, unknown>, path: string) => {
      engine.play(recording);
      const response = await fetch(gateway.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      assert.equal(response.status, 200, recording.name);
      return await response.text();
    };
    try {
      const recordings = await readRecordings(profile);
      assert.ok(recordings.length >= 10);
      for (const recording of recordings) {
        const exchange = EXCHANGES[recording.name];
        assert.ok(exchange !== undefined);
        const text = new TextDecoder().decode(recording.bytes);
        for (let round = 0; round < 3; round++) {
          if (recording.name === "chat-stream") continue; // what an engine sends unasked; compared below
          assert.equal(
            await through(recording, exchange.body, exchange.path),
            text,
            recording.name,
          );
        }
      }
      const forced = recordings.find(({ name }) => name === "chat-stream-forced");
      const plain = recordings.find(({ name }) => name === "chat-stream");
      assert.ok(forced !== undefined && plain !== undefined);
      const { path, body } = EXCHANGES["chat-stream"] ?? assert.fail();
      assert.equal(
        comparable(await through(forced, body, path)),
        comparable(new TextDecoder().decode(plain.bytes)),
      );
      const withUsage = await through(
        forced,
        { ...body, stream_options: { include_usage: true } },
        path,
      );
      assert.equal(withUsage.match(/"usage":/g)?.length, 1, "one usage chunk and no running usage");

      const rows = await database.sql<{ tokens: number; source: string; key: string }[]>`
        select completion_tokens as tokens, tokens_from as source, key_id as key from usage where route = '/v1/chat/completions'`;
      assert.ok(
        rows.every(({ tokens, source, key }) => tokens > 0 && source === "engine" && key === id),
      );
    } finally {
      await gateway.stop();
    }
  });
}

/**
 * Two recordings of one answer differ by time, and by vLLM's own rule for the fingerprint: on the finish chunk when no
 * usage chunk follows. It followed, unseen by the client.
 */
function comparable(text: string): string {
  return text.replace(/"created":\d+/g, '"created":0').replace(
    /,"system_fingerprint":"[^"]*"/g,
    "",
  );
}

async function readRecordings(profile: string): Promise<Recording[]> {
  const recordings: Recording[] = [];
  for await (const entry of Deno.readDir(new URL(`${profile}/`, RECORDINGS))) {
    const [, name, ending] = /^(.+)\.(sse|json)$/.exec(entry.name) ?? [];
    if (name === undefined) continue;
    const bytes = await Deno.readFile(new URL(`${profile}/${entry.name}`, RECORDINGS));
    const type = ending === "sse" ? "text/event-stream; charset=utf-8" : "application/json";
    recordings.push({ name, bytes, type });
  }
  return recordings;
}

/** An engine that answers every POST with the recording it was told to play, in pieces cut anywhere. */
function replayer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let playing: Recording | null = null;
  const encoder = new TextEncoder();
  (async () => {
    for await (const connection of listener) serve(connection).catch(() => {});
  })();

  async function serve(connection: Deno.Conn): Promise<void> {
    using _closing = connection;
    const request = await readRequest(connection);
    if (!request.startsWith("POST")) {
      await writeAll(
        connection,
        encoder.encode("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
      );
      return;
    }
    assert.ok(playing !== null);
    const { bytes, type } = playing;
    await writeAll(
      connection,
      encoder.encode(
        `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
      ),
    );
    for (let at = 0; at < bytes.length;) {
      const size = 1 + Math.floor(Math.random() * Math.random() * 900);
      const piece = bytes.subarray(at, at + size);
      at += piece.length;
      await writeAll(connection, encoder.encode(`${piece.length.toString(16)}\r\n`));
      await writeAll(connection, piece);
      await writeAll(connection, encoder.encode("\r\n"));
    }
    await writeAll(connection, encoder.encode("0\r\n\r\n"));
  }

  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    play: (recording: Recording) => void (playing = recording),
    [Symbol.asyncDispose]: () => Promise.resolve(listener.close()),
  };
}

async function readRequest(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  while (true) {
    const size = await connection.read(buffer);
    if (size === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, size));
    const head = text.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? "0");
    if (head !== -1 && text.length >= head + 4 + length) return text;
  }
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
