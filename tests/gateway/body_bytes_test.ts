/**
 * What the engine receives of a prompt, byte for byte: ASCII and not, short and long, in one piece and in several, and
 * with a model whose name is not ASCII. Lengths are told in bytes, and a wrong one would frame the next request.
 */
import assert from "node:assert/strict";
import { startTestGateway } from "./support.ts";

const ANSWER = {
  ...{ id: "chatcmpl-1", object: "chat.completion", created: 1, model: "m" },
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};
const PROMPTS: Readonly<Record<string, string>> = {
  "short ASCII": "hello",
  "short, with what Latin-1 has": "ça va, ÿ",
  "short, with what it has not": "水 🔥 \u2028 \ufffd",
  "near the limit of what is made text at once": "é".repeat(4_040),
  "long ASCII": "a".repeat(40_000),
  "long and not": "a水".repeat(20_000),
};

for (const name of ["m", "modèle"]) {
  Deno.test(`the engine receives each prompt as it was sent, under the name ${name}`, async (t) => {
    const received: { length: number; text: string }[] = [];
    await using engine = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/v1/models") {
          return Response.json({ object: "list", data: [{ id: name, object: "model" }] });
        }
        if (request.method !== "POST") return new Response();
        const bytes = await request.bytes();
        received.push({
          length: Number(request.headers.get("content-length")) - bytes.length,
          text: new TextDecoder("utf-8", { fatal: true }).decode(bytes),
        });
        return Response.json({ ...ANSWER, model: name });
      },
    );
    await using gateway = await startTestGateway({
      tiers: {
        box: {
          url: `http://127.0.0.1:${engine.addr.port}`,
          serves: `{ m: ${JSON.stringify(name)} }`,
        },
      },
    });
    for (const [what, content] of Object.entries(PROMPTS)) {
      await t.step(what, async () => {
        received.length = 0;
        const sent = { model: "m", messages: [{ role: "user", content }] };
        // One after the other over kept connections: a wrong length would break the second.
        for (let times = 0; times < 2; times++) {
          const response = await fetch(`${gateway.url}/v1/chat/completions`, {
            method: "POST",
            headers: {
              authorization: `Bearer ${gateway.secret}`,
              "content-type": "application/json",
            },
            body: JSON.stringify(sent),
          });
          assert.equal(response.status, 200, await response.clone().text());
          assert.equal((await response.json()).model, "m");
        }
        assert.deepEqual(received.map(({ length }) => length), [0, 0]);
        for (const { text } of received) {
          const { model, messages } = JSON.parse(text);
          assert.deepEqual({ model, messages }, { ...sent, model: name });
        }
      });
    }
  });
}
