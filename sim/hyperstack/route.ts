/** What a route is: a method, a path, the operation it is to faults, and what it answers. */

import type { z } from "zod";
import type { Account } from "./account.ts";
import { type Answer, badRequest } from "./answers.ts";
import type { Fault, Operation } from "./faults.ts";

export type Call = {
  readonly account: Account;
  readonly nowMs: number;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Whether a fault of this kind belongs to this call. */
  readonly hit: (kind: Fault["kind"]) => boolean;
};

export type Route = {
  readonly method: string;
  readonly pattern: RegExp;
  readonly operation: Operation;
  readonly handle: (call: Call) => Answer;
};

/** A route of a path such as `/core/virtual-machines/:id`. */
export function route(
  method: string,
  path: string,
  operation: Operation,
  handle: (call: Call) => Answer,
): Route {
  const pattern = new RegExp(`^/v1${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}/?$`);
  return { method, pattern, operation, handle };
}

/** Answers with the parsed body, or 400 that names what is wrong in it. */
export function withBody<T>(
  { body }: Call,
  schema: z.ZodType<T>,
  act: (parsed: T) => Answer,
): Answer {
  const parsed = schema.safeParse(body);
  if (parsed.success) return act(parsed.data);
  const [issue] = parsed.error.issues;
  return badRequest(`${issue?.path.join(".") ?? "body"}: ${issue?.message ?? "not readable"}`);
}

/** A whole number of the query from 1, else `fallback`. */
export function wholeOf(query: URLSearchParams, name: string, fallback: number): number {
  const value = Number(query.get(name) ?? "");
  return Number.isInteger(value) && value >= 1 ? value : fallback;
}
