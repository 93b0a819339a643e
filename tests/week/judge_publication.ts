/** What a stranger sees of the week: the published inputs, worked out again, pass; with one digit altered they fail. */
import { join } from "node:path";
import { testDatabase } from "@/lib/kernel/test_database.ts";
import { runVerify } from "@/cli/verify.ts";
import { figuresShape, manifestShape } from "@/lib/ledger/publication/manifest.ts";
import type { Verdict } from "./judge.ts";
import { nanoOf } from "./judge.ts";
import { DAY_MS, MINUTE_MS } from "./plan.ts";
import { START_MS, type Week } from "./week.ts";

export async function judgePublication(week: Week): Promise<Verdict> {
  const dir = await Deno.makeTempDir({ prefix: "emberlane-week-inputs-" });
  try {
    const problems: string[] = [];
    const first = await verified(["--url", week.url, "--window", "30d", "--save", dir]);
    if (first.code !== 0) {
      return { problems: [`verify does not pass:\n${first.text}`], facts: {} };
    }
    problems.push(...await differsFromInvoice(week, dir));
    const days = Math.floor((week.endMs - START_MS) / DAY_MS);
    if (!new RegExp(`ok +days: ${days} whole day`).test(first.text)) {
      problems.push(`${days} days have passed and are not all sealed:\n${first.text}`);
    }
    await alterOneDigit(join(dir, "readings.csv"));
    const altered = await verified(["--dir", dir]);
    if (altered.code !== 1) problems.push(`verify passes an altered reading:\n${altered.text}`);
    return { problems, facts: { verify: first.text.trim().split("\n").at(-1) ?? "" } };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function verified(args: readonly string[]): Promise<{ code: number; text: string }> {
  let text = "";
  const take = (said: string) => void (text += said);
  const { signal } = new AbortController();
  const code = await runVerify(args, { out: take, err: take, fresh: testDatabase, signal });
  return { code, text };
}

/** The spend that stands in the published figures, against the invoice up to their last bill. */
async function differsFromInvoice({ database: { sql }, hyperstack }: Week, dir: string) {
  const read = async (name: string) => JSON.parse(await Deno.readTextFile(join(dir, name)));
  const { window } = manifestShape.parse(await read("manifest.json"));
  const figures = figuresShape.parse(await read("figures.json"));
  const published = (figures["spend"] ?? [])
    .reduce((sum, row) => sum + nanoOf(String(row["usd"])), 0n);
  const [last] = await sql<{ minute: Date }[]>`
    select max(minute) as minute from billing_snapshots where outcome = 'read' and minute < ${new Date(
    window.to,
  )}
  `;
  const toMs = (last?.minute.getTime() ?? 0) + 1;
  const { totalNanoUsd } = hyperstack.control.invoice({ fromMs: 0, toMs });
  if (window.from > START_MS) return ["the published window does not begin before the week"];
  if (window.to < START_MS + DAY_MS - MINUTE_MS) return ["the published window ends too early"];
  return published === totalNanoUsd
    ? []
    : [`the published figures say ${published} nano-dollars, the invoice ${totalNanoUsd}`];
}

/** One digit of one total, in the middle of the file. */
async function alterOneDigit(file: string): Promise<void> {
  const lines = (await Deno.readTextFile(file)).split("\n");
  const header = (lines[0] ?? "").trim().split(",");
  const at = Math.floor(lines.length / 2);
  const cells = (lines[at] ?? "").split(",");
  const column = header.indexOf("total_nano_usd");
  const total = cells[column] ?? "";
  cells[column] = total.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
  lines[at] = cells.join(",");
  await Deno.writeTextFile(file, lines.join("\n"));
}
