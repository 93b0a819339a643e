/** What the tests of bad input share: how one is sent, and what its refusal must look like. */
import assert from "node:assert/strict";
import type { TestGateway } from "./support.ts";

export const SECRET_TEXT = "the-private-prompt";
export const CHAT = "/v1/chat/completions";
export const messages = [{ role: "user", content: SECRET_TEXT }];
export const GOOD = { model: "m", messages, max_tokens: 4, ignore_eos: true };

export type Case = {
  readonly what: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
  readonly expect: readonly [status: number, code: string, type: string, param: string | null];
  readonly message?: RegExp;
  /** A header the answer has, with its value. */
  readonly header?: readonly [name: string, value: string];
};

export async function send(
  gateway: TestGateway,
  { path = CHAT, method = "POST", headers, body }: Partial<Case>,
) {
  const withBody = method === "POST";
  return await fetch(gateway.url + path, {
    method,
    headers: {
      authorization: `Bearer ${gateway.secret}`,
      ...(withBody ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    ...(withBody ? { body: body ?? JSON.stringify(GOOD) } : {}),
  });
}

export async function assertRefused(
  gateway: TestGateway,
  response: Response,
  { expect: [status, code, type, param], message = /./, header }: Omit<Case, "what">,
): Promise<void> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  const { error, ...rest } = JSON.parse(text);
  assert.deepEqual(rest, {});
  assert.deepEqual(error, { message: error.message, type, param, code });
  assert.match(error.message, message);
  assert.equal(response.headers.get("content-type"), "application/json");
  if (header !== undefined) assert.equal(response.headers.get(header[0]), header[1]);
  const id = response.headers.get("x-request-id") ?? "";
  assert.match(id, /^req_/);
  assert.equal(linesOf(gateway, id).length, 1, "one log line");
  for (const secret of [SECRET_TEXT, gateway.secret, "sk-ember-not-a-key"]) {
    assert.ok(!text.includes(secret), "the answer echoes a secret");
    assert.ok(!JSON.stringify(gateway.lines()).includes(secret), "the log holds a secret");
  }
}

const linesOf = (gateway: TestGateway, requestId: string) =>
  gateway.lines().filter((line) => line["request_id"] === requestId);
