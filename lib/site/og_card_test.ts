import assert from "node:assert/strict";
import { layOut, ogSvg } from "./og_card.ts";

Deno.test("layOut() sets a short title large and a long one smaller, on three lines at most", () => {
  assert.deepEqual(layOut("Status"), { size: 88, lines: ["Status"] });
  const long = layOut(
    "Retries, timeouts and the cold path of a gateway that sleeps most of the day and night",
  );
  assert.ok(long.size < 88 && long.lines.length <= 3);
  const endless = layOut("unending words ".repeat(40).trim());
  assert.equal(endless.lines.length, 3);
  assert.match(endless.lines[2] ?? "", /…$/);
});

Deno.test("layOut() keeps every word of a title that fits, in order", () => {
  const title = "Continuous batching and why single-stream arithmetic misleads";
  assert.equal(layOut(title).lines.join(" "), title);
});

Deno.test("ogSvg() escapes what a title may hold", () => {
  const svg = ogSvg({ name: "A & B", group: "<x>", title: '"q" <script>', host: "h" });
  assert.doesNotMatch(svg, /<script|<x>|A & B/);
  assert.match(svg, /A &amp; B/);
});
