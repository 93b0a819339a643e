/**
 * Days sealed one upon the other: the digest of a day is made of what the day holds and of the digest before. Pure.
 * A reader needs `grep`, `sha256sum` and a page of paper to do the same; docs/verify.md shows how.
 */
import { sha256Hex } from "@/lib/kernel/ids.ts";
import { dayOf, dayRange } from "./inputs.ts";

/** The lines of one kind on one day: as they stand in its file, each ended by a line feed, without the header. */
export type DayLines = { readonly name: string; readonly lines: number; readonly sha256: string };

export type LedgerDay = {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly previousDigest: string;
  readonly contents: string;
  readonly digest: string;
};

/** What stands before the first day. */
export const NO_DIGEST = "0".repeat(64);

/** `snapshots 1440 9f2c…; readings 4320 03ab…`: what of a day is hashed, in the order of its kinds. */
export function contentsOf(kinds: readonly DayLines[]): string {
  return kinds.map(({ name, lines, sha256 }) => `${name} ${lines} ${sha256}`).join("; ");
}

/** The other way round; null for a text that is none. */
export function parseContents(contents: string): DayLines[] | null {
  const kinds = contents.split("; ").map((text) => /^(\w+) (\d{1,15}) ([0-9a-f]{64})$/.exec(text));
  const parsed = kinds.flatMap((match) => {
    const [, name, lines, sha256] = match ?? [];
    if (name === undefined || lines === undefined || sha256 === undefined) return [];
    return [{ name, lines: Number(lines), sha256 }];
  });
  return parsed.length === kinds.length ? parsed : null;
}

/** SHA-256 of three lines: the digest before, the day, its contents. */
export function digestOf({ previousDigest, day, contents }: Omit<LedgerDay, "digest">): string {
  return sha256Hex(`${previousDigest}\n${day}\n${contents}\n`);
}

export function dayAfter(day: string): string {
  return dayOf(dayRange(day).to);
}

/** What is wrong with a chain, from its first day on; each problem names its day. */
export function chainProblems(days: readonly LedgerDay[]): string[] {
  const problems: string[] = [];
  let before: LedgerDay | undefined;
  for (const one of days) {
    const { day, previousDigest, digest } = one;
    if (before !== undefined && day !== dayAfter(before.day)) {
      problems.push(`${day} follows ${before.day}: a day is missing, or out of its order`);
    }
    if (previousDigest !== (before?.digest ?? NO_DIGEST)) {
      problems.push(
        `${day} names another digest before it than ${before?.day ?? "a first day"} has`,
      );
    }
    if (digest !== digestOf(one)) problems.push(`${day}: its digest is not that of what it holds`);
    before = one;
  }
  return problems;
}
