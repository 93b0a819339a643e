/** How we say who we are to PostgreSQL: nothing, a password, its MD5, or SCRAM-SHA-256 (manual, 54.2.1 and 54.3; RFC 5802, 7677). */
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { ProtocolError, UnspokenError } from "./pg_error.ts";
import { MessageReader } from "./pg_reader.ts";

export type Login = { readonly user: string; readonly password: string };

/** What is to be answered: nothing, a password message, or the first or next word of SASL. */
export type AuthAnswer =
  | { readonly kind: "nothing" }
  | { readonly kind: "password"; readonly text: string }
  | { readonly kind: "sasl_first"; readonly mechanism: string; readonly text: string }
  | { readonly kind: "sasl_next"; readonly text: string };

const NOTHING: AuthAnswer = { kind: "nothing" };
const MECHANISM = "SCRAM-SHA-256";
const NONCE_BYTES = 18;
/** PostgreSQL says 4,096 by default; a server that says many more only wants to keep us busy. */
const ITERATIONS_MAX = 1_000_000;
const KEY_BYTES = 32;

const derive = promisify(pbkdf2);

/** One connection's part of the talk: give it the body of each Authentication message, in order. */
export class Authentication {
  readonly #login: Login;
  readonly #nonce: string;
  #serverSignature: Uint8Array | null = null;
  /** Whether SCRAM began and the server has not shown yet that it knows the password. */
  #isUnproven = false;
  #isDone = false;

  constructor(login: Login, nonce = randomBytes(NONCE_BYTES).toString("base64")) {
    this.#login = login;
    this.#nonce = nonce;
  }

  /** Whether the server let us in: true from the call of `answer` on that says so. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Throws UnspokenError for a way that is not ours, ProtocolError for a server that does not know the password. */
  async answer(body: Uint8Array): Promise<AuthAnswer> {
    const { user, password } = this.#login;
    const reader = new MessageReader(body);
    const way = reader.int4();
    switch (way) {
      case 0:
        if (this.#isUnproven) unproven();
        this.#isDone = true;
        return NOTHING;
      case 3:
        return { kind: "password", text: password };
      case 5: {
        const inner = md5(password + user);
        return { kind: "password", text: `md5${md5(inner, reader.copy(4))}` };
      }
      case 10:
        return this.#first(reader);
      case 11:
        return await this.#proof(reader.text(reader.rest().length));
      case 12:
        this.#verify(reader.text(reader.rest().length));
        return NOTHING;
      default:
        throw new UnspokenError(`The database wants authentication ${way}`);
    }
  }

  #first(reader: MessageReader): AuthAnswer {
    const offered: string[] = [];
    for (let name = reader.name(); name !== ""; name = reader.name()) offered.push(name);
    if (!offered.includes(MECHANISM)) {
      throw new UnspokenError(`The database wants one of ${offered.join(", ")}`);
    }
    this.#isUnproven = true;
    return { kind: "sasl_first", mechanism: MECHANISM, text: `n,,${this.#bare}` };
  }

  /** The user goes by the startup message. */
  get #bare(): string {
    return `n=*,r=${this.#nonce}`;
  }

  async #proof(challenge: string): Promise<AuthAnswer> {
    const { r: nonce = "", s: salt = "", i = "" } = attributesOf(challenge);
    const iterations = Number(i);
    const isSane = this.#isUnproven && nonce.startsWith(this.#nonce) &&
      nonce.length > this.#nonce.length &&
      salt !== "" && Number.isInteger(iterations) && iterations > 0 && iterations <= ITERATIONS_MAX;
    if (!isSane) throw new ProtocolError("The database's SCRAM challenge makes no sense");
    const salted = await derive(
      this.#login.password.normalize("NFKC"),
      Buffer.from(salt, "base64"),
      iterations,
      KEY_BYTES,
      "sha256",
    );
    const clientKey = hmac(salted, "Client Key");
    const bare = `c=biws,r=${nonce}`;
    const said = `${this.#bare},${challenge},${bare}`;
    const signature = hmac(createHash("sha256").update(clientKey).digest(), said);
    const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
    this.#serverSignature = hmac(hmac(salted, "Server Key"), said);
    return { kind: "sasl_next", text: `${bare},p=${Buffer.from(proof).toString("base64")}` };
  }

  #verify(final: string): void {
    const theirs = Buffer.from(attributesOf(final).v ?? "", "base64");
    const ours = this.#serverSignature;
    if (ours === null || theirs.length !== ours.length || !timingSafeEqual(theirs, ours)) {
      unproven();
    }
    this.#isUnproven = false;
  }
}

function unproven(): never {
  throw new ProtocolError("The database did not show that it knows the password");
}

function attributesOf(text: string): Partial<Record<string, string>> {
  return Object.fromEntries(text.split(",").map((each) => [each.slice(0, 1), each.slice(2)]));
}

const hmac = (key: Uint8Array, text: string): Uint8Array =>
  createHmac("sha256", key).update(text).digest();

const md5 = (text: string, salt: Uint8Array<ArrayBuffer> = new Uint8Array()): string =>
  createHash("md5").update(text).update(salt).digest("hex");
