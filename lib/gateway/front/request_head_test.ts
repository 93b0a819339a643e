import assert from "node:assert/strict";
import { HEAD_BYTES_MAX, readRequestHead } from "./request_head.ts";

const head = (...fields: string[]) =>
  ["POST /v1/embeddings HTTP/1.1", "Host: g", ...fields, "", ""].join("\r\n");
const kindOf = (text: string) => readRequestHead(text).kind;

Deno.test("readRequestHead() takes a plain POST to an inference route as ours", () => {
  const text = head("Content-Length: 12", "X-A:  b ", "x-a: c");
  const read = readRequestHead(text + "{}");
  assert.ok(read.kind === "plain");
  assert.equal(read.route.path, "/v1/embeddings");
  assert.equal(read.length, 12);
  assert.equal(read.bodyStart, text.length);
  assert.equal(read.keepAlive, true);
  assert.equal(read.headers.get("x-a"), "b, c");
  assert.equal(read.headers.get("x-b"), null);
});

Deno.test("readRequestHead() waits for the end of a head, however it was cut", () => {
  const text = head("Content-Length: 2");
  for (let at = 1; at < text.length; at++) assert.equal(kindOf(text.slice(0, at)), "more", `${at}`);
  assert.equal(kindOf(text), "plain");
});

Deno.test("readRequestHead() leaves what is unusual to the full server", () => {
  const length = "Content-Length: 2";
  assert.equal(kindOf("GET / HTTP/1.1\r\n\r\n"), "other");
  assert.equal(kindOf(head(length).replace("1.1", "1.0")), "other");
  assert.equal(kindOf(head(length).replace("/v1", "http://g/v1")), "other");
  assert.equal(kindOf(head(length).replace("/v1/embeddings", "/v1/embeddings?a=b")), "other");
  assert.equal(kindOf(head("Transfer-Encoding: chunked")), "other");
  assert.equal(kindOf(head()), "other");
  assert.equal(kindOf(head(length, "Expect: 100-continue")), "other");
  assert.equal(kindOf(head(length, "Connection: upgrade", "Upgrade: x")), "other");
  assert.equal(kindOf(head(length, ...Array.from({ length: 101 }, () => "a: b"))), "other");
  assert.equal(kindOf("GET / HTTP/1.0\n\n"), "other");
  assert.equal(kindOf("\x16\x03\x01"), "other");
  assert.equal(kindOf("POST " + "a".repeat(HEAD_BYTES_MAX)), "other");
});

Deno.test("readRequestHead() refuses what two readers could frame differently", () => {
  const bad = [
    ["Content-Length: 2", "Content-Length: 2"],
    ["Content-Length: 2", "Transfer-Encoding: chunked"],
    ["Content-Length: 2", "Host: other"],
    ["Content-Length: 2, 2"],
    ["Content-Length: +2"],
    ["Content-Length: "],
    ["Content-Length: 1234567890123456"],
    ["Content-Length : 2"],
    ["Transfer-Encoding: gzip, chunked"],
    ["Content-Length: 2", "X-A: b", " c"],
    ["Content-Length: 2", "X-A: \0"],
    ["Content-Length: 2", "X-A: a\nb: c"],
    ["Content-Length: 2", "X-A: a\rb: c"],
    ["Content-Length: 2", "nameless"],
  ];
  for (const fields of bad) assert.equal(kindOf(head(...fields)), "bad", fields.join(" | "));
  assert.equal(
    kindOf("POST /v1/embeddings HTTP/1.1\r\nContent-Length: 2\r\n\r\n"),
    "bad",
    "no host",
  );
});

Deno.test("readRequestHead() reads whether the connection goes on", () => {
  const keepAlive = (...fields: string[]) => {
    const read = readRequestHead(head("Content-Length: 2", ...fields));
    return read.kind === "plain" ? read.keepAlive : null;
  };
  assert.equal(keepAlive("Connection: Close"), false);
  assert.equal(keepAlive("Connection: keep-alive"), true);
  assert.equal(keepAlive("Connection: close, x"), null);
});
