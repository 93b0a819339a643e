/** Every figure run again on the published rows, and compared with what was published beside them. */
import { codeOf, type Sql } from "@/lib/kernel/database.ts";
import { FOLD_NAMES, type FoldName, readFolds, runFold, type Window } from "../folds.ts";
import { figuresShape } from "./manifest.ts";
import { type Check, failed, notChecked, passed } from "./check.ts";

/** Sums of fractions depend on their order by less than this. Money is text, and compared as it stands. */
const FRACTION_TOLERANCE = 1e-9;
const UNDEFINED_TABLE = "42P01";

export async function* checkFigures(
  fresh: Sql,
  window: Window,
  published: string,
): AsyncGenerator<Check> {
  const figures = figuresShape.safeParse(parsed(published));
  if (!figures.success) {
    return yield failed("figures", "the published figures cannot be read", [figures.error.message]);
  }
  const folds = await readFolds();
  for (const name of FOLD_NAMES) {
    const said = figures.data[name];
    yield said === undefined
      ? notChecked(`figure ${name}`, "it is not published")
      : await checkFigure(fresh, folds, name, window, said);
  }
  for (const name of Object.keys(figures.data)) {
    if (FOLD_NAMES.some((known) => known === name)) continue;
    yield notChecked(`figure ${name}`, "this program does not know it");
  }
}

async function checkFigure(
  fresh: Sql,
  folds: ReadonlyMap<FoldName, string>,
  name: FoldName,
  window: Window,
  said: unknown,
): Promise<Check> {
  const title = `figure ${name}`;
  let made: unknown;
  try {
    made = parsed(JSON.stringify(await runFold(fresh, folds, name, window)));
  } catch (error) {
    if (codeOf(error) !== UNDEFINED_TABLE || !(error instanceof Error)) throw error;
    return notChecked(title, `not made again: what it reads is not published (${error.message})`);
  }
  const differences = differencesOf(name, said, made);
  const rows = Array.isArray(made) ? made.length : 0;
  return differences.length === 0
    ? passed(title, `${rows} ${rows === 1 ? "row" : "rows"}, the same`)
    : failed(title, "made again from the rows it is another one", differences);
}

/** Where two JSON values differ, by their paths. Exact, but for the last digits of fractions. */
export function differencesOf(path: string, said: unknown, made: unknown): string[] {
  if (typeof said === "number" && typeof made === "number") {
    const off = Math.abs(said - made);
    if (off <= FRACTION_TOLERANCE * Math.max(1, Math.abs(said), Math.abs(made))) return [];
  } else if (isObject(said) && isObject(made)) {
    const keys = new Set([...Object.keys(said), ...Object.keys(made)]);
    return [...keys].flatMap((key) => differencesOf(`${path}.${key}`, said[key], made[key]));
  } else if (said === made) return [];
  return [`${path}: published ${shown(said)}, made again ${shown(made)}`];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const shown = (value: unknown) => value === undefined ? "nothing" : JSON.stringify(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
