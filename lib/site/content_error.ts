/** What is wrong with the content, all of it at once, each with its file and line. */

export type ContentProblem = {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** What is wrong, and what would do. */
  readonly message: string;
};

/** Thrown with every problem; its message has one line for each. */
export class ContentError extends Error {
  override readonly name = "ContentError";
  constructor(readonly problems: readonly ContentProblem[]) {
    super(problems.map(({ file, line, message }) => `${file}:${line}: ${message}`).join("\n"));
  }
}

/** The line of a text, from 1, on which `needle` first stands; that of the text's start when it does not. */
export function lineOf(text: string, needle: string | RegExp, firstLine = 1): number {
  const at = typeof needle === "string" ? text.indexOf(needle) : text.search(needle);
  return at <= 0 ? firstLine : firstLine + text.slice(0, at).split("\n").length - 1;
}
