/** The sealed days of a publication: their chain from its first day on, and the published lines of each whole day. */
import { later, millis } from "@/lib/kernel/clock.ts";
import { chainProblems, dayAfter, type LedgerDay, parseContents } from "./day_chain.ts";
import type { Opener } from "./fresh_database.ts";
import { dayOf, dayRange, INPUTS } from "./inputs.ts";
import { type Manifest, rangeFile } from "./manifest.ts";
import { SEAL_AFTER } from "./seal_days.ts";
import { tally } from "./csv_lines.ts";
import { type Check, failed, notChecked, passed } from "./check.ts";

/** A gateway that was down seals what it missed within this of its return; a day is given for it. */
const SEALED_WITHIN = millis(SEAL_AFTER + 24 * 3_600_000);
const DAY_CHARS = "2026-11-20".length;

export async function* checkChain(
  manifest: Manifest,
  open: Opener,
  knownDigest: string | null,
): AsyncGenerator<Check> {
  const days = await readDays(open);
  yield chainCheck(days, manifest);
  if (knownDigest !== null) yield knownCheck(days, knownDigest);
  const whole = days.filter(({ day }) => {
    const { from, to } = dayRange(day);
    return from >= manifest.range.from && to <= manifest.range.to;
  });
  if (whole.length === 0) {
    return yield notChecked("days", "no sealed day lies in the window yet");
  }
  const differences: string[] = [];
  for (const { name } of INPUTS.filter(({ sealed }) => sealed)) {
    const found = await linesByDay(open, rangeFile(name));
    for (const { day, contents } of whole) {
      const said = parseContents(contents)?.find((kind) => kind.name === name);
      const is = found.get(day) ?? tally().end();
      if (said === undefined) differences.push(`${day}: its seal has no ${name}`);
      else if (said.lines !== is.lines || said.sha256 !== is.sha256) {
        const counts = said.lines === is.lines
          ? `${is.lines} lines, but not those`
          : `${is.lines} lines, not ${said.lines},`;
        differences.push(`${day} ${name}: ${counts} that were sealed`);
      }
    }
  }
  const says = `${whole.length} whole days of rows, ${whole[0]?.day} to ${whole.at(-1)?.day}`;
  yield differences.length === 0
    ? passed("days", `${says}, are those that were sealed`)
    : failed("days", `${says}: ${differences.length} are not what was sealed`, differences);
}

function chainCheck(days: readonly LedgerDay[], { range, made_at }: Manifest): Check {
  const problems = chainProblems(days);
  const last = days.at(-1);
  const due = dayOf(later(made_at, millis(-SEALED_WITHIN)));
  const first = last === undefined ? dayOf(range.from) : dayAfter(last.day);
  // Days before the first row there is are none.
  if (last !== undefined && first < due) problems.push(`${first} and later days are not sealed`);
  if (problems.length > 0) return failed("chain", "the chain of days is broken", problems);
  if (last === undefined) return notChecked("chain", "no day is sealed yet");
  return passed(
    "chain",
    `${days.length} days from ${days[0]?.day} on; ${last.day} has ${last.digest}`,
  );
}

function knownCheck(days: readonly LedgerDay[], known: string): Check {
  const day = days.find(({ digest }) => digest === known)?.day;
  return day === undefined
    ? failed("known digest", "no day has the digest that was written down", [known])
    : passed("known digest", `it is that of ${day}: up to there it is the history of then`);
}

async function readDays(open: Opener): Promise<LedgerDay[]> {
  const days: LedgerDay[] = [];
  for await (const line of await linesOf(open, rangeFile("days"))) {
    // Its fields hold neither commas nor quotes.
    const [day = "", previousDigest = "", contents = "", digest = ""] = line.split(",");
    days.push({ day, previousDigest, contents, digest });
  }
  return days;
}

/** Lines and their hash, by the day each line begins with. */
async function linesByDay(open: Opener, file: string) {
  const encoder = new TextEncoder();
  const byDay = new Map<string, ReturnType<typeof tally>>();
  for await (const line of await linesOf(open, file)) {
    const day = line.slice(0, DAY_CHARS);
    const lines = byDay.get(day) ?? tally();
    byDay.set(day, lines);
    lines.add(encoder.encode(`${line}\n`));
  }
  return new Map([...byDay].map(([day, lines]) => [day, lines.end()]));
}

/** A file's lines, without the header. */
async function* linesOf(open: Opener, file: string): AsyncGenerator<string> {
  let isHeader = true;
  for await (const line of textLines(await open(file))) {
    if (!isHeader) yield line;
    isHeader = false;
  }
}

/** Lines that end with a line feed; a carriage return is part of a line. */
async function* textLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of body) {
    const pieces = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = pieces.pop() ?? "";
    yield* pieces;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
