/**
 * Counters, gauges and histograms, and their text for Prometheus. Each request touches eight of them, and what the usual
 * library checks and hashes at each touch was a tenth of a plain request's CPU. That library stays the reference: the
 * tests hold our text against its own. Source: Prometheus, exposition formats, text format 0.0.4.
 */
import { assert } from "./assert.ts";

/** Every label of a metric with its value. */
export type Labels<Label extends string> = Readonly<Record<Label, string>>;

/** What a family of time series is told when it is made. */
export type FamilyOptions<Label extends string> = {
  readonly name: string;
  readonly help: string;
  /** None: the family is one series, which is there from the start. */
  readonly labelNames: readonly Label[];
};

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** No value of a label holds it. */
const BETWEEN = "\0";

type Series<Value> = { readonly labels: string; readonly value: Value };

/** The series of one metric, by their labels. */
abstract class Family<Label extends string, Value> {
  readonly name: string;
  readonly #help: string;
  readonly #type: string;
  readonly #labelNames: readonly Label[];
  readonly #series = new Map<string, Series<Value>>();

  constructor({ name, help, labelNames }: FamilyOptions<Label>, type: string) {
    this.name = name;
    this.#help = help;
    this.#type = type;
    this.#labelNames = labelNames;
  }

  /** Forgets every series; a family without labels begins anew at zero. */
  reset(): void {
    this.#series.clear();
    this.begin();
  }

  /** Forgets the one series of a family without labels, so that nothing is claimed until it is set. */
  remove(): void {
    this.#series.delete("");
  }

  /** The whole family as Prometheus reads it. */
  text(): string {
    const lines = [
      `# HELP ${this.name} ${escaped(this.#help)}`,
      `# TYPE ${this.name} ${this.#type}`,
    ];
    for (const { labels, value } of this.#series.values()) lines.push(...this.lines(labels, value));
    return lines.join("\n");
  }

  protected begin(): void {
    if (this.#labelNames.length === 0) this.at(null);
  }

  /** The value of a series, made when it is not there. Throws without the labels of a family that has some: our defect. */
  protected at(labels: Labels<Label> | null): Value {
    const key = this.#keyOf(labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known.value;
    const text = this.#labelNames.map((name) => `${name}="${quoted(labels?.[name] ?? "")}"`);
    const made = { labels: text.join(","), value: this.zero() };
    this.#series.set(key, made);
    return made.value;
  }

  /** The one value of a family without labels; null when it was removed. */
  protected only(): Value | null {
    return this.#series.get("")?.value ?? null;
  }

  protected abstract zero(): Value;
  protected abstract lines(labels: string, value: Value): string[];

  #keyOf(labels: Labels<Label> | null): string {
    let key: string | null = null;
    for (const name of this.#labelNames) {
      const value = labels?.[name];
      assert(value !== undefined, "every label of a metric is given");
      key = key === null ? value : key + BETWEEN + value;
    }
    return key ?? "";
  }
}

/** A number by itself, so that a series can be changed in place. */
type Cell = { now: number };

abstract class Numbers<Label extends string> extends Family<Label, Cell> {
  constructor(options: FamilyOptions<Label>, type: string) {
    super(options, type);
    this.begin();
  }

  /** What the one series of a family without labels stands at; null while nothing is claimed. */
  get value(): number | null {
    return this.only()?.now ?? null;
  }

  /** Adds `by`, or 1, to the series of these labels. */
  inc(labels: Labels<Label>, by?: number): void;
  inc(by?: number): void;
  inc(first?: Labels<Label> | number, second = 1): void {
    if (typeof first === "object") this.at(first).now += second;
    else this.at(null).now += first ?? 1;
  }

  protected zero(): Cell {
    return { now: 0 };
  }

  protected lines(labels: string, { now }: Cell): string[] {
    return [line(this.name, labels, now)];
  }
}

/** What only grows. */
export class Counter<Label extends string = never> extends Numbers<Label> {
  constructor(options: FamilyOptions<Label>) {
    super(options, "counter");
  }
}

/** What comes and goes. */
export class Gauge<Label extends string = never> extends Numbers<Label> {
  constructor(options: FamilyOptions<Label>) {
    super(options, "gauge");
  }

  /** Takes 1 from the one series. */
  dec(): void {
    this.at(null).now -= 1;
  }

  set(labels: Labels<Label>, value: number): void;
  set(value: number): void;
  set(first: Labels<Label> | number, second = 0): void {
    if (typeof first === "object") this.at(first).now = second;
    else this.at(null).now = first;
  }
}

/** How many observations each bucket took, the last of them for all above; and their sum. */
type Observed = { readonly counts: number[]; sum: number };

/** How large what is observed is: counts by upper bounds, ascending. */
export class Histogram<Label extends string = never> extends Family<Label, Observed> {
  readonly #bounds: readonly number[];

  constructor(options: FamilyOptions<Label> & { readonly buckets: readonly number[] }) {
    super(options, "histogram");
    this.#bounds = options.buckets;
    this.begin();
  }

  observe(labels: Labels<Label>, value: number): void;
  observe(value: number): void;
  observe(first: Labels<Label> | number, second = 0): void {
    if (typeof first === "object") this.#observe(this.at(first), second);
    else this.#observe(this.at(null), first);
  }

  protected zero(): Observed {
    return { counts: [...this.#bounds, 0].map(() => 0), sum: 0 };
  }

  protected lines(labels: string, { counts, sum }: Observed): string[] {
    const rest = labels === "" ? "" : `,${labels}`;
    let count = 0;
    const buckets = counts.map((some, i) => {
      count += some;
      return line(`${this.name}_bucket`, `le="${this.#bounds[i] ?? "+Inf"}"${rest}`, count);
    });
    return [
      ...buckets,
      line(`${this.name}_sum`, labels, sum),
      line(`${this.name}_count`, labels, count),
    ];
  }

  #observe(into: Observed, value: number): void {
    let at = 0;
    for (const bound of this.#bounds) {
      if (value <= bound) break;
      at++;
    }
    into.counts[at] = (into.counts[at] ?? 0) + 1;
    into.sum += value;
  }
}

/** Many families as one answer. */
export function exposition(families: readonly { text(): string }[]): string {
  return `${families.map((family) => family.text()).join("\n\n")}\n`;
}

function line(name: string, labels: string, value: number): string {
  return `${name}${labels === "" ? "" : `{${labels}}`} ${numberText(value)}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function quoted(value: string): string {
  return escaped(value).replaceAll('"', '\\"');
}
