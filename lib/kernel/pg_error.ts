/** What goes wrong on a line to PostgreSQL, by the codes that database.ts tells apart. */
import type { MessageReader } from "./pg_reader.ts";

/** What the server reported. `code` is its SQLSTATE. */
export class PgError extends Error {
  override readonly name = "PgError";
  constructor(
    message: string,
    readonly code: string,
    readonly severity: string,
    readonly detail: string | null,
  ) {
    super(message);
  }
}

/** Nobody is at the other end any more. What was under way may or may not have been carried out. */
export class PgLostError extends Error {
  override readonly name = "PgLostError";
  constructor(readonly code: string, options?: ErrorOptions) {
    super("The connection to the database was lost", options);
  }
}

/** What the other side may not say. The line is of no use after it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code = "08P01";
}

/** The server wants something that this line does not speak. */
export class UnspokenError extends Error {
  override readonly name = "UnspokenError";
}

/** Fields of an error by their letters (manual, 54.8). */
export function errorOf(reader: MessageReader): PgError {
  const fields = new Map<string, string>();
  for (let letter = reader.byte(); letter !== 0; letter = reader.byte()) {
    fields.set(String.fromCharCode(letter), reader.name());
  }
  return new PgError(
    fields.get("M") ?? "The database reported an error",
    fields.get("C") ?? "XX000",
    fields.get("V") ?? fields.get("S") ?? "ERROR",
    fields.get("D") ?? null,
  );
}
