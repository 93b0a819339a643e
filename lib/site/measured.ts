/** Measurements of this code that may be quoted, each with where it was taken. Source: docs/decisions. */

export type Measurement = {
  readonly name: string;
  readonly value: string;
  readonly conditions: string;
};

export const MEASURED: readonly Measurement[] = [
  {
    name: "An article page, from request to text",
    value: "0.27 to 0.33 ms of CPU",
    conditions:
      "`deno task bench pages`: 22 KB of HTML, live figures filled in; in memory, Deno 2.9.6, four shared cores, 21 November 2026",
  },
  {
    name: "Start of the website",
    value: "0.03 s",
    conditions: "with its assets built before; 0.07 s without. Same machine and day",
  },
  {
    name: "A link preview, drawn when first asked for",
    value: "50 ms",
    conditions:
      "1,200 × 630 px; in a worker, so that requests do not wait for it; the first one takes 150 ms more. Same machine and day",
  },
  {
    name: "Added to a plain answer",
    value: "0.73 ms median, 0.89 ms p99",
    conditions:
      "`deno task bench`, one request at a time, against a direct call to the benchmark's engine (10 ms to its first token); keys checked, rows durable. nginx added 0.19 and 0.73 ms in the same run. Same machine and day",
  },
];
