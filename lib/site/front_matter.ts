/** The head of a content file: YAML between two lines of dashes, checked field by field. Pure. */
import { parseDocument } from "yaml";
import { z } from "zod";
import { ContentError, type ContentProblem, lineOf } from "./content_error.ts";

const line = (most: number) =>
  z.string("write a text").trim().min(1, "write a text").max(
    most,
    `write at most ${most} characters`,
  );
const path = z.string().regex(
  /^\/[a-z0-9/_-]*$/,
  "write a path of this site such as /learn/economics/spot-or-on-demand",
);
const day = z.union([z.string(), z.date()]).transform((value) =>
  value instanceof Date ? value.toISOString().slice(0, 10) : value
).refine((text) => /^\d{4}-\d{2}-\d{2}$/.test(text), "write a day such as 2026-11-21");

const source = z.strictObject({
  title: line(200),
  url: z.url({ protocol: /^https?$/, error: "write an http or https address" }).optional(),
  note: line(300).optional(),
  /** When it was published or measured: a year, a month or a day. */
  date: z.union([z.string(), z.number(), z.date()]).transform((value) =>
    value instanceof Date ? value.toISOString().slice(0, 10) : String(value)
  ).optional(),
}).refine((one) => one.url !== undefined || one.note !== undefined, "give it a url or a note");

export const articleHead = z.strictObject({
  title: line(100),
  summary: line(320),
  pillar: z.string(),
  order: z.int("write a whole number").min(0),
  updated: day,
  sources: z.array(source).min(1, "name at least one source"),
  see_also: z.array(path).default([]),
});
export const pillarHead = z.strictObject({
  title: line(60),
  summary: line(320),
  order: z.int("write a whole number").min(0),
});
export const termHead = z.strictObject({
  term: line(60),
  summary: line(240),
  see_also: z.array(path).default([]),
  sources: z.array(source).default([]),
});

export type Source = z.infer<typeof source>;

export type Parsed<T> = {
  readonly head: T;
  readonly body: string;
  /** The line of the file on which the body starts. */
  readonly bodyLine: number;
};

const FENCE = /^---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/;

/** Splits a file and checks its head. Throws ContentError with every problem of the head. */
export function parseFront<T>(file: string, text: string, schema: z.ZodType<T>): Parsed<T> {
  const found = FENCE.exec(text);
  if (found === null) {
    throw new ContentError([{
      file,
      line: 1,
      message: "begins without front matter: put YAML between two lines of ---",
    }]);
  }
  const yaml = found[1] ?? "";
  const document = parseDocument(yaml, { uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new ContentError(document.errors.map((error) => ({
      file,
      line: (error.linePos?.[0].line ?? 1) + 1,
      message: `mend the YAML: ${error.message.split("\n")[0]}`,
    })));
  }
  const parsed = schema.safeParse(document.toJS());
  if (!parsed.success) {
    throw new ContentError(parsed.error.issues.map((issue) => problemOf(file, yaml, issue)));
  }
  const body = text.slice(found[0].length);
  return { head: parsed.data, body, bodyLine: found[0].split("\n").length };
}

function problemOf(file: string, yaml: string, issue: z.core.$ZodIssue): ContentProblem {
  const key = issue.code === "unrecognized_keys" ? issue.keys[0] : String(issue.path[0] ?? "");
  const where = issue.path.join(".") || key;
  const what = issue.code === "unrecognized_keys"
    ? `take out ${issue.keys.join(", ")}: no such field`
    : issue.code === "invalid_type" && !new RegExp(`^${key}:`, "m").test(yaml)
    ? "add it: it is missing"
    : issue.message;
  return { file, line: lineOf(yaml, new RegExp(`^${key}:`, "m"), 2), message: `${where}: ${what}` };
}
