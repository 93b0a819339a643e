import assert from "node:assert/strict";
import { Authentication } from "./pg_auth.ts";
import { ProtocolError, UnspokenError } from "./pg_error.ts";
import { MessageWriter } from "./pg_writer.ts";

/** The body of an Authentication message. */
function said(way: number, text = "", end = ""): Uint8Array {
  const out = new MessageWriter();
  out.int4(way);
  out.raw(new TextEncoder().encode(text + end));
  return out.written.slice();
}

// RFC 7677, section 3; its user name is left out, as PostgreSQL knows it by then.
const NONCE = "rOprNGfwEbeRWgbNEkqO";
const CHALLENGE =
  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const offer = said(10, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0", "\0");
// Worked out by a program that gives the RFC's own values for its own user.
const PROOF =
  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=3M3hagGCCg+02mpnZ9fgyMWejs8yYlqFo7tFZyBIV5g=";
const SIGNATURE = "jBUU2ZmyQ4x+QJe05Kx6JFwPHDsiK3tfmR51qZfjEOY=";
const MD5_OF_PENCIL = "4376eb6913b38f9aaff38dc7cf19ca76";
const login = { user: "user", password: "pencil" };

Deno.test("Authentication answers a password as it is asked for", async () => {
  const answer = (body: Uint8Array) => new Authentication(login).answer(body);
  assert.deepEqual(await answer(said(0)), { kind: "nothing" });
  assert.deepEqual(await answer(said(3)), { kind: "password", text: "pencil" });
  // md5(md5("pencil" + "user") + salt), by another program
  assert.deepEqual(await answer(said(5, "\x01\x02\x03\x04")), {
    kind: "password",
    text: "md5" + MD5_OF_PENCIL,
  });
});

Deno.test("Authentication proves by SCRAM that it knows the password, and wants the same of the server", async () => {
  const talk = new Authentication(login, NONCE);
  assert.deepEqual(await talk.answer(offer), {
    ...{ kind: "sasl_first", mechanism: "SCRAM-SHA-256" },
    text: `n,,n=*,r=${NONCE}`,
  });
  const proof = await talk.answer(said(11, CHALLENGE));
  assert.ok(proof.kind === "sasl_next");
  assert.equal(proof.text, PROOF);
  assert.deepEqual(await talk.answer(said(12, `v=${SIGNATURE}`)), { kind: "nothing" });
  assert.deepEqual(await talk.answer(said(0)), { kind: "nothing" });
});

Deno.test("Authentication does not believe a server that skips its proof, or gives a wrong one", async () => {
  const unproven = (error: unknown) => error instanceof ProtocolError;
  for (const last of [said(0), said(12, "v=AAAA"), said(12, `v=${btoa("x".repeat(32))}`)]) {
    const talk = new Authentication(login, NONCE);
    await talk.answer(offer);
    await talk.answer(said(11, CHALLENGE));
    await assert.rejects(talk.answer(last), unproven);
  }
  const skipped = new Authentication(login, NONCE);
  await skipped.answer(offer);
  await assert.rejects(skipped.answer(said(0)), unproven);
});

Deno.test("Authentication refuses challenges that make no sense", async () => {
  for (
    const challenge of [
      CHALLENGE.replace("rOpr", "xOpr"), // another's nonce
      `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`, // nothing of the server's
      CHALLENGE.replace("4096", "0"),
      CHALLENGE.replace("4096", "1000001"),
      CHALLENGE.replace("4096", "many"),
      CHALLENGE.replace(/s=.*?,/, ""),
      "",
    ]
  ) {
    const talk = new Authentication(login, NONCE);
    await talk.answer(offer);
    await assert.rejects(talk.answer(said(11, challenge)), ProtocolError, challenge);
  }
  await assert.rejects(new Authentication(login, NONCE).answer(said(11, CHALLENGE)), ProtocolError);
});

Deno.test("Authentication leaves to others what it does not speak", async () => {
  const answer = (body: Uint8Array) => new Authentication(login).answer(body);
  await assert.rejects(answer(said(7)), UnspokenError); // GSSAPI
  await assert.rejects(answer(said(10, "OAUTHBEARER\0", "\0")), UnspokenError);
  await assert.rejects(answer(said(10, "SCRAM-SHA-256")), ProtocolError, "no end");
});
