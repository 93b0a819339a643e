/** Tables on the screen, in `bench/results/<date>.json` and in `docs/performance.md`. */
export type Row = readonly string[];
export type Table = {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  readonly notes?: readonly string[];
  /** The numbers, for the file of results. */
  readonly figures: unknown;
};

const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

export function row(name: string, values: readonly number[], digits: number): Row {
  return [name, ...values.map((value) => Number.isNaN(value) ? "–" : value.toFixed(digits))];
}

export function printTable({ title, columns, rows, notes = [] }: Table): void {
  const all = [columns, ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((cells) => cells[i]?.length ?? 0)));
  console.log(`\n${title}`);
  for (const cells of all) {
    const line = cells.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)
    );
    console.log(`  ${line.join("  ")}`);
  }
  for (const note of notes) console.log(`  ${note}`);
}

export function markdownTable({ title, columns, rows, notes = [] }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = columns.map((_, i) => i === 0 ? "---" : "---:");
  return [
    `### ${title}`,
    "",
    line(columns),
    line(rule),
    ...rows.map(line),
    ...notes.flatMap((note) => ["", note]),
    "",
  ].join("\n");
}

/** Replaces what stands between the marks of the page. Throws when it has none. */
export function withResults(page: string, results: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no ${BEGIN} … ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${results}\n${page.slice(to)}`;
}
