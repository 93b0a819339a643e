/** What the commands print: aligned tables for people, one JSON document for programs, and how they fail. */
import { type Command, Option } from "commander";
import type { Clock } from "@/lib/kernel/clock.ts";
import type { DatabaseTarget } from "@/lib/kernel/database.ts";

/** The process, as the commands see it. */
export type CliIo = {
  /** The way to the database. `create`: one that does not exist yet is made. Throws CliError when there is none. */
  open(create: boolean): Promise<{ target: DatabaseTarget; close(): Promise<void> }>;
  env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths start. */
  root: string;
  clock: Clock;
  /** Aborts when the person wants out. */
  signal: AbortSignal;
  /** Who is named in the audit log. */
  actor: string;
  /** Writes the answer. Throws {@link PipeClosed} when nobody reads it any more. */
  out(text: string): void;
  /** Writes what is said beside the answer. */
  err(text: string): void;
};

export type Format = "table" | "json";

/** The exit codes, shown in the help. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** EX_UNAVAILABLE of sysexits.h. */
  unreachable: 69,
  /** EX_CONFIG. */
  config: 78,
  interrupted: 130,
} as const;

/** A failure a person is told in one line. The message says what could not be done and what would do. */
export class CliError extends Error {
  override readonly name = "CliError";
  constructor(readonly exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The reader of our answer has gone (`| head`): stop, quietly. */
export class PipeClosed extends Error {
  override readonly name = "PipeClosed";
}

/** One column of a table; `unit` goes into the header. */
export type Column<T> = {
  header: string;
  unit?: string;
  /** Numbers are aligned right. */
  right?: boolean;
  /** Characters it takes at least, so that tables printed one after another line up. */
  least?: number;
  cell: (row: T) => string | number | null;
};

/** Stands where there is no value, so that no column shifts. */
const NOTHING = "-";
const GAP = "  ";

/** Adds `-o table|json`. */
export function withOutput(command: Command): Command {
  const option = new Option("-o, --output <format>", "table for people, json for programs");
  return command.addOption(option.choices(["table", "json"]).default("table"));
}

/** Rows as aligned lines, the header first. Control characters are shown, not obeyed: names come from anywhere. */
export function table<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  { headed = true }: { headed?: boolean } = {},
): string {
  const header = columns.map(({ header, unit }) =>
    unit === undefined ? header : `${header} (${unit})`
  );
  const lines = [
    ...(headed ? [header.map((text) => text.toUpperCase())] : []),
    ...rows.map((row) => columns.map((column) => shown(column.cell(row)))),
  ];
  const widths = columns.map(({ least = 0 }, i) =>
    Math.max(least, ...lines.map((line) => widthOf(line[i] ?? "")))
  );
  return lines.map((line) =>
    line.map((text, i) => {
      const fill = " ".repeat((widths[i] ?? 0) - widthOf(text));
      return columns[i]?.right === true ? fill + text : text + fill;
    }).join(GAP).trimEnd() + "\n"
  ).join("");
}

/** A JSON document, indented for whoever looks. `null` stands where there is no value. */
export function document(value: Json): string {
  return JSON.stringify(value, null, 2) + "\n";
}

/** One line of JSON, for what goes on. */
export function jsonLine(value: Json): string {
  return JSON.stringify(value) + "\n";
}

export type Json = string | number | boolean | null | readonly Json[] | {
  readonly [key: string]: Json;
};

/** A time in UTC to the second: `2026-11-21T01:14:09Z`. */
export function utc(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A time in UTC to the millisecond, for programs. */
export function utcExact(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** A span as a person says it: `850 ms`, `12.3 s`, `4 min 5 s`, `15 min`, `3 h 20 min`, `2 d 4 h`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const whole = (unitMs: number) => Math.floor(ms / unitMs);
  const joined = (part: string, count: number, unit: string) =>
    count === 0 ? part : `${part} ${count} ${unit}`;
  if (ms < 3_600_000) return joined(`${whole(60_000)} min`, whole(1_000) % 60, "s");
  if (ms < 86_400_000) return joined(`${whole(3_600_000)} h`, whole(60_000) % 60, "min");
  return joined(`${whole(86_400_000)} d`, whole(3_600_000) % 24, "h");
}

function shown(value: string | number | null): string {
  if (value === null || value === "") return NOTHING;
  // deno-lint-ignore no-control-regex
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]/g, (control) => {
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

function widthOf(text: string): number {
  return [...text].length;
}
