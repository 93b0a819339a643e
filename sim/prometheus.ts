/** Counters, gauges and histograms in the text format, as Python's prometheus_client prints them. */

/** A number as `floatToGoString` prints it. */
export function sample(value: number): string {
  if (value === Infinity) return "+Inf";
  if (!Number.isInteger(value)) return String(value).replace(/e-(\d)$/, "e-0$1");
  const text = String(Math.abs(value));
  if (value > 0 && text.length > 6) {
    const mantissa = `${text[0]}.${text.slice(1)}`.replace(/0+$/, "").replace(/\.$/, "");
    return `${mantissa}e+${String(text.length - 1).padStart(2, "0")}`;
  }
  return `${value}.0`;
}

/** `{a="b",c="d"}` from label pairs, or nothing. */
export function labels(pairs: Readonly<Record<string, string>>): string {
  const parts = Object.entries(pairs).map(([name, value]) =>
    `${name}="${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')}"`
  );
  return parts.length > 0 ? `{${parts.join(",")}}` : "";
}

type Pairs = Readonly<Record<string, string>>;

/** A value that only grows, one series per set of labels. */
export class Counter {
  readonly #series = new Map<string, { pairs: Pairs; value: number }>();

  constructor(
    readonly name: string,
    readonly help: string,
    readonly createdS: number,
    starts: readonly Pairs[] = [],
  ) {
    for (const pairs of starts) this.add(0, pairs);
  }

  add(value: number, pairs: Pairs): void {
    const key = labels(pairs);
    const series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, { pairs, value });
    else series.value += value;
  }

  value(pairs: Pairs): number {
    return this.#series.get(labels(pairs))?.value ?? 0;
  }

  text(): string {
    const lines = [`# HELP ${this.name}_total ${this.help}`, `# TYPE ${this.name}_total counter`];
    const created = [
      `# HELP ${this.name}_created ${this.help}`,
      `# TYPE ${this.name}_created gauge`,
    ];
    for (const [key, series] of this.#series) {
      lines.push(`${this.name}_total${key} ${sample(series.value)}`);
      created.push(`${this.name}_created${key} ${createdText(this.createdS)}`);
    }
    return `${[...lines, ...created].join("\n")}\n`;
  }
}

/** The text of a gauge with its values now. */
export function gauge(name: string, help: string, values: readonly [Pairs, number][]): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`];
  for (const [pairs, value] of values) lines.push(`${name}${labels(pairs)} ${sample(value)}`);
  return `${lines.join("\n")}\n`;
}

/** Counts per bucket, one series per set of labels. */
export class Histogram {
  readonly #series = new Map<string, { pairs: Pairs; counts: number[]; sum: number }>();

  constructor(
    readonly name: string,
    readonly help: string,
    readonly buckets: readonly number[],
    readonly createdS: number,
    starts: readonly Pairs[] = [],
  ) {
    for (const pairs of starts) this.#of(pairs);
  }

  observe(value: number, pairs: Pairs, times = 1): void {
    const series = this.#of(pairs);
    let i = 0;
    while (i < this.buckets.length && value > (this.buckets[i] ?? Infinity)) i++;
    series.counts[i] = (series.counts[i] ?? 0) + times;
    series.sum += value * times;
  }

  text(): string {
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} histogram`];
    const created = [
      `# HELP ${this.name}_created ${this.help}`,
      `# TYPE ${this.name}_created gauge`,
    ];
    for (const [key, series] of this.#series) {
      let total = 0;
      [...this.buckets, Infinity].forEach((bound, i) => {
        total += series.counts[i] ?? 0;
        const pairs = labels({ ...series.pairs, le: sample(bound) });
        lines.push(`${this.name}_bucket${pairs} ${sample(total)}`);
      });
      lines.push(`${this.name}_count${key} ${sample(total)}`);
      lines.push(`${this.name}_sum${key} ${sample(series.sum)}`);
      created.push(`${this.name}_created${key} ${createdText(this.createdS)}`);
    }
    return `${[...lines, ...created].join("\n")}\n`;
  }

  // Label objects are few and reused, so they are found by identity first.
  readonly #byObject = new WeakMap<Pairs, { pairs: Pairs; counts: number[]; sum: number }>();

  #of(pairs: Pairs) {
    const known = this.#byObject.get(pairs);
    if (known !== undefined) return known;
    const key = labels(pairs);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { pairs, counts: new Array<number>(this.buckets.length + 1).fill(0), sum: 0 };
      this.#series.set(key, series);
    }
    this.#byObject.set(pairs, series);
    return series;
  }
}

function createdText(seconds: number): string {
  const [whole = "0", fraction = "0"] = seconds.toFixed(6).split(".");
  return `${whole[0]}.${whole.slice(1)}${fraction}`.replace(/0+$/, "") +
    `e+${String(whole.length - 1).padStart(2, "0")}`;
}
