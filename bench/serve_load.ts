/** Prompts and arrival times of a serving benchmark, from a seed. Pure but for reading a trace. */
export type Prompt = { readonly text: string; readonly outputLen: number; readonly atMs?: number };

export type PromptOptions = {
  readonly dataset: string;
  readonly count: number;
  /** Words; a word is about 1.3 tokens. */
  readonly inputLen: number;
  readonly outputLen: number;
  readonly prefixLen: number;
  readonly prefixes: number;
  readonly trace: string | null;
  readonly seed: number;
};

const WORDS =
  "river stone lamp winter field engine copper letter garden window signal paper harbour silver morning question table forest number bridge"
    .split(" ");

/** A small generator with a seed (mulberry32): the same load each time. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Throws for an unknown dataset or a trace that cannot be read. */
export async function prompts(options: PromptOptions): Promise<Prompt[]> {
  const { dataset, count, inputLen, outputLen, prefixLen, prefixes, trace, seed } = options;
  const next = random(seed);
  const words = (n: number) =>
    Array.from({ length: Math.max(1, n) }, () => WORDS[Math.floor(next() * WORDS.length)]).join(
      " ",
    );
  switch (dataset) {
    case "random":
      return Array.from({ length: count }, () => ({ text: words(inputLen), outputLen }));
    case "sharegpt-like":
      // Lengths spread as conversations do: log-normal about the given means.
      return Array.from({ length: count }, () => ({
        text: words(Math.round(inputLen * logNormal(next))),
        outputLen: Math.max(1, Math.round(outputLen * logNormal(next))),
      }));
    case "prefix-repetition": {
      const shared = Array.from({ length: Math.max(1, prefixes) }, () => words(prefixLen));
      return Array.from({ length: count }, (_, i) => ({
        text: `${shared[i % shared.length]} ${words(inputLen)}`,
        outputLen,
      }));
    }
    case "trace": {
      if (trace === null) throw new Error("Cannot replay: name the file with --trace");
      const lines = (await Deno.readTextFile(trace)).split("\n").filter((line) => line !== "");
      return lines.slice(0, count).map((line, i) => {
        const { at_ms, prompt, output_len } = JSON.parse(line);
        if (typeof at_ms !== "number" || typeof prompt !== "string") {
          throw new Error(`Cannot read ${trace}:${i + 1}: write {"at_ms": 0, "prompt": "…"}`);
        }
        const length = typeof output_len === "number" ? output_len : outputLen;
        return { text: prompt, outputLen: length, atMs: at_ms };
      });
    }
    default:
      throw new Error(
        `Cannot use the dataset ${dataset}: choose random, sharegpt-like, prefix-repetition or trace`,
      );
  }
}

const SIGMA = 0.8;

function logNormal(next: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return Math.exp(SIGMA * normal - SIGMA ** 2 / 2);
}

/**
 * When each request leaves, in milliseconds: gaps from a gamma distribution of shape `burstiness` (1 is Poisson, inf is
 * even), rescaled so that the last leaves at count ÷ rate, as vLLM does.
 */
export function arrivalsMs(
  count: number,
  rate: number,
  burstiness: number,
  seed: number,
): number[] {
  if (!Number.isFinite(rate)) return Array.from({ length: count }, () => 0);
  const next = random(seed + 1);
  let at = 0;
  const times = Array.from({ length: count }, () => {
    at += Number.isFinite(burstiness) ? gamma(burstiness, next) / burstiness : 1;
    return at;
  });
  const scale = at === 0 ? 0 : ((count / rate) * 1_000) / at;
  return times.map((time) => time * scale);
}

/** Marsaglia and Tsang, 2000; for shapes under 1 by their boost. */
function gamma(shape: number, next: () => number): number {
  if (shape < 1) return gamma(shape + 1, next) * Math.pow(1 - next(), 1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
