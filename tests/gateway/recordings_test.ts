/** Recorded answers of three vLLM versions, cut at random places on the way: what reaches the client, byte for byte. */
import assert from "node:assert/strict";
import { PROFILE_NAMES } from "@/sim/profile.ts";
import { namesOf, readRecording, type Recording } from "./recording.ts";
import { type ReplayServer, startReplayServer } from "./replay_server.ts";
import { startTestGateway, type TestGateway } from "./support.ts";

/** Each recording is cut in so many ways. */
const CUTS = 2;

/**
 * vLLM puts the fingerprint on the finish chunks when no usage chunk follows, else on the usage chunk alone. The
 * gateway always asks for usage, so a client that did not ask sees no fingerprint; nothing else may differ.
 */
const withoutFingerprint = (answer: string) =>
  answer.replaceAll(/,"system_fingerprint":"[^"]*"/g, "");

type Hand = { gateway: TestGateway; server: ReplayServer };

/** What the client gets when it sends `body` and the engine answers with `recording`. */
async function answersTo({ gateway, server }: Hand, body: string, recording: Recording) {
  const answers: string[] = [];
  for (let i = 0; i < CUTS; i++) {
    server.play(recording, seed++);
    const response = await gateway.post(recording.path, body);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), recording.contentType);
    answers.push(await response.text());
  }
  return answers;
}

let seed = 20_261_121;

function assertAll(answers: readonly string[], expected: string): void {
  for (const answer of answers) assert.equal(answer, expected, `the last seed was ${seed - 1}`);
}

Deno.test("answers of vLLM pass byte for byte, and only what nobody asked for is taken out", async (t) => {
  await using server = startReplayServer();
  await using gateway = await startTestGateway({ tiers: { a: { url: server.url } } });
  const hand = { gateway, server };
  for (const profile of PROFILE_NAMES) {
    const { chunks, typed, whole } = namesOf(profile);
    assert.ok(chunks.length > 5 && typed.length > 0 && whole.length > 8, profile);
    for (const name of chunks) {
      const plain = readRecording(profile, `${name}.plain`);
      const usage = readRecording(profile, `${name}.usage`);
      const running = readRecording(profile, `${name}.running`);
      await t.step(
        `${profile} ${name}: bytes in are bytes out for who asks for all usage`,
        async () => {
          assertAll(await answersTo(hand, running.body, running), running.answer);
        },
      );
      await t.step(
        `${profile} ${name}: who asks for the usage gets the usage chunk alone`,
        async () => {
          assertAll(await answersTo(hand, usage.body, running), usage.answer);
        },
      );
      await t.step(
        `${profile} ${name}: who asks for no usage gets none, though the engine is asked`,
        async () => {
          const answers = await answersTo(hand, plain.body, running);
          assertAll(answers, withoutFingerprint(plain.answer));
          const { stream_options } = JSON.parse(server.received);
          assert.deepEqual(stream_options, { include_usage: true, continuous_usage_stats: true });
        },
      );
    }
    for (const name of [...typed, ...whole]) {
      await t.step(`${profile} ${name}: bytes in are bytes out`, async () => {
        const recording = readRecording(profile, name);
        assertAll(await answersTo(hand, recording.body, recording), recording.answer);
      });
    }
  }
  await t.step("every row has the engine's own figures", async () => {
    const rows = await gateway.rows();
    assert.ok(rows.length > 150);
    for (const row of rows) {
      assert.deepEqual(
        [row.ended, row.tokens_from, row.attempts],
        ["complete", "engine", 1],
        row.id,
      );
      assert.ok(row.prompt_tokens > 0);
    }
  });
});

Deno.test("the fingerprint is the one difference, and only where vLLM has one", () => {
  for (const profile of PROFILE_NAMES) {
    const { answer } = readRecording(profile, "chat.plain");
    assert.equal(answer.includes("system_fingerprint"), profile === "main", profile);
  }
});
