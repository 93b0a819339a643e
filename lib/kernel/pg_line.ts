/**
 * One connection to PostgreSQL that carries one statement, prepared once: its parameters are written as bytes, and each
 * run is one write to the socket and, as a rule, one read. For what a request's path waits for; everything else goes
 * through postgres.js.
 */
import type { CancelSignal } from "./cancel.ts";
import { Authentication, type Login } from "./pg_auth.ts";
import type { Wire } from "./sockets/wire.ts";
import { errorOf, PgLostError, ProtocolError, UnspokenError } from "./pg_error.ts";
import { MessageReader, MessageSplitter, type PgRow, rowOf } from "./pg_reader.ts";
import { MessageWriter } from "./pg_writer.ts";

/** What a line carries: a statement that answers one row. */
export type PgStatement = {
  readonly text: string;
  /** Oids of its parameters, as the server must understand them. */
  readonly parameters: readonly number[];
};

export type PgLogin = Login & {
  readonly database: string;
  /** Settings of the session, by name. */
  readonly settings: Readonly<Record<string, string>>;
};

const STATEMENT_NAME = "w";
/** 3.0, and the request for a session without TLS is none. */
const PROTOCOL = 3 << 16;
const BINARY = 1;

/** Types of messages that we hear (manual, 54.7). */
const HEARD = {
  authentication: 0x52, // R
  backendKey: 0x4b, // K
  parameterStatus: 0x53, // S
  notice: 0x4e, // N
  notification: 0x41, // A
  negotiation: 0x76, // v
  ready: 0x5a, // Z
  error: 0x45, // E
  parsed: 0x31, // 1
  bound: 0x32, // 2
  parametersDescribed: 0x74, // t
  rowDescribed: 0x54, // T
  row: 0x44, // D
  complete: 0x43, // C
} as const;

/** What is under way: it ends with ReadyForQuery, and an error before that is its outcome. */
type Task = {
  readonly kind: "login" | "prepare" | "run";
  readonly done: PromiseWithResolvers<PgRow | null>;
  row: PgRow | null;
  error: Error | null;
};

export class PgLine {
  readonly #wire: Wire;
  readonly #login: PgLogin;
  readonly #statement: PgStatement;
  readonly #authentication: Authentication;
  readonly #out = new MessageWriter();
  readonly #splitter = new MessageSplitter();
  #task: Task | null = null;
  #lost: Error | null = null;

  private constructor(wire: Wire, login: PgLogin, statement: PgStatement) {
    this.#wire = wire;
    this.#login = login;
    this.#statement = statement;
    this.#authentication = new Authentication(login);
    wire.listen({
      bytes: (bytes) => this.#hear(bytes),
      ended: () => this.#lose(new PgLostError("CONNECTION_CLOSED")),
      broke: (cause) => this.#lose(new PgLostError("CONNECTION_CLOSED", { cause })),
    });
  }

  /**
   * Logs in over `wire` and prepares `statement`. Throws PgError for what the server refuses, UnspokenError for what
   * it wants and this does not speak, `signal`'s reason when it aborts; the wire is closed then.
   */
  static async open(
    wire: Wire,
    login: PgLogin,
    statement: PgStatement,
    signal: CancelSignal,
  ): Promise<PgLine> {
    const line = new PgLine(wire, login, statement);
    const onAbort = () => line.#lose(asError(signal.reason));
    signal.addEventListener("abort", onAbort);
    try {
      await line.#perform("login", () => line.#writeStartup());
      await line.#perform("prepare", () => line.#writePrepare());
      signal.throwIfAborted();
      return line;
    } catch (error) {
      line.#lose(asError(error));
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Whether it can carry nothing more. */
  get isLost(): boolean {
    return this.#lost !== null;
  }

  /**
   * Runs the statement with the parameters that `fill` writes, in their order; one run at a time. Throws PgError,
   * PgLostError, or what `fill` threw, before anything was sent.
   */
  async run(fill: (out: MessageWriter) => void): Promise<PgRow> {
    const row = await this.#perform("run", () => this.#writeRun(fill));
    if (row === null) throw new ProtocolError("The database answered without a row");
    return row;
  }

  /** Says goodbye and closes. What is under way is lost. */
  close(): void {
    if (this.#lost !== null) return;
    if (this.#task === null) {
      this.#out.reset();
      this.#out.end(this.#out.begin("X"));
      this.#send();
    }
    this.#lose(new PgLostError("CONNECTION_ENDED"));
  }

  #perform(kind: Task["kind"], write: () => void): Promise<PgRow | null> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    if (this.#task !== null) return Promise.reject(new Error("A line carries one run at a time"));
    this.#out.reset();
    try {
      write();
    } catch (error) {
      return Promise.reject(error);
    }
    const done = Promise.withResolvers<PgRow | null>();
    this.#task = { kind, done, row: null, error: null };
    this.#send();
    return done.promise;
  }

  #send(): void {
    this.#wire.write(this.#out.written);
  }

  #writeStartup(): void {
    const { user, database, settings } = this.#login;
    const message = this.#out.begin(null);
    this.#out.int4(PROTOCOL);
    const named = { user, database, client_encoding: "UTF8", ...settings };
    for (const [name, value] of Object.entries(named)) {
      this.#out.name(name);
      this.#out.name(value);
    }
    this.#out.name("");
    this.#out.end(message);
  }

  #writePrepare(): void {
    const out = this.#out;
    const { text, parameters } = this.#statement;
    const parse = out.begin("P");
    out.name(STATEMENT_NAME);
    out.name(text);
    out.int2(parameters.length);
    for (const oid of parameters) out.int4(oid);
    out.end(parse);
    const describe = out.begin("D");
    out.name(`S${STATEMENT_NAME}`);
    out.end(describe);
    out.end(out.begin("S"));
  }

  #writeRun(fill: (out: MessageWriter) => void): void {
    const out = this.#out;
    const bind = out.begin("B");
    out.name(""); // the unnamed portal
    out.name(STATEMENT_NAME);
    out.int2(1); // one format for all
    out.int2(BINARY);
    out.int2(this.#statement.parameters.length);
    fill(out);
    out.int2(1);
    out.int2(BINARY);
    out.end(bind);
    const execute = out.begin("E");
    out.name("");
    out.int4(0); // every row
    out.end(execute);
    out.end(out.begin("S"));
  }

  #hear(bytes: Uint8Array): void {
    try {
      this.#splitter.push(bytes, (type, all, start, end) => this.#take(type, all, start, end));
    } catch (error) {
      this.#lose(asError(error));
    }
  }

  #take(type: number, bytes: Uint8Array, start: number, end: number): void {
    const task = this.#task;
    switch (type) {
      case HEARD.bound:
      case HEARD.complete:
      case HEARD.parsed:
      case HEARD.backendKey:
      case HEARD.parameterStatus:
      case HEARD.notice:
      case HEARD.notification:
        return;
      case HEARD.row:
        if (task?.kind !== "run" || task.row !== null) throw unasked(type);
        task.row = rowOf(new MessageReader(bytes, start, end));
        return;
      case HEARD.ready:
        return this.#ready();
      case HEARD.error: {
        const error = errorOf(new MessageReader(bytes, start, end));
        // To nobody in particular: the server is going, or has had enough of us.
        if (task === null || error.severity !== "ERROR") return this.#lose(error);
        task.error = error;
        return;
      }
      case HEARD.authentication:
        if (task?.kind !== "login") throw unasked(type);
        void this.#authenticate(bytes.slice(start, end));
        return;
      case HEARD.parametersDescribed:
        return this.#checkParameters(new MessageReader(bytes, start, end));
      case HEARD.rowDescribed:
        if (task?.kind !== "prepare") throw unasked(type);
        return;
      default:
        throw unasked(type);
    }
  }

  #ready(): void {
    const task = this.#task;
    if (task === null || !this.#authentication.isDone) throw unasked(HEARD.ready);
    this.#task = null;
    if (task.error === null) task.done.resolve(task.row);
    else task.done.reject(task.error);
  }

  /** The server waits for each answer, so these cannot overlap. */
  async #authenticate(body: Uint8Array): Promise<void> {
    try {
      const answer = await this.#authentication.answer(body);
      if (answer.kind === "nothing" || this.#lost !== null) return;
      const out = this.#out;
      out.reset();
      const message = out.begin("p");
      if (answer.kind === "password") out.name(answer.text);
      else {
        const text = new TextEncoder().encode(answer.text);
        if (answer.kind === "sasl_first") {
          out.name(answer.mechanism);
          out.int4(text.length);
        }
        out.raw(text);
      }
      out.end(message);
      this.#send();
    } catch (error) {
      this.#lose(asError(error));
    }
  }

  #checkParameters(reader: MessageReader): void {
    const theirs = Array.from({ length: reader.int2() }, () => reader.int4());
    if (theirs.join() === this.#statement.parameters.join()) return;
    throw new UnspokenError(`The database takes parameters of types ${theirs.join(", ")}`);
  }

  #lose(error: Error): void {
    if (this.#lost !== null) return;
    this.#lost = error;
    this.#wire.close();
    this.#task?.done.reject(error);
    this.#task = null;
  }
}

const unasked = (type: number) =>
  new ProtocolError(`The database said "${String.fromCharCode(type)}" unasked`);

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error));
