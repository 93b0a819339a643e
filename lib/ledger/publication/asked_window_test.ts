/** Which inputs may be asked for. */
import assert from "node:assert/strict";
import { type Instant, instant } from "@/lib/kernel/clock.ts";
import { type Asked, askedWindow, rolledWindow } from "./asked_window.ts";

const at = (text: string): Instant => instant(Date.parse(text));
const NOW = at("2026-11-21T10:17:42.5Z");
const ask = (query: string): Asked | string => askedWindow(new URLSearchParams(query), NOW);

function asked(query: string): Asked {
  const found = ask(query);
  if (typeof found === "string") throw new Error(found);
  return found;
}

Deno.test("askedWindow() ends a trailing window with the last whole minute, a day when nothing is said", () => {
  const window = { from: at("2026-11-20T10:17Z"), to: at("2026-11-21T10:17Z") };
  assert.deepEqual(ask(""), { name: "24h", window, lastDay: null });
  assert.deepEqual(ask("window=24h"), ask(""));
  assert.equal(asked("window=30d").window.from, at("2026-10-22T10:17Z"));
});

Deno.test("askedWindow() takes whole days, the last one included, at most 31", () => {
  assert.deepEqual(ask("from=2026-11-01&to=2026-11-07"), {
    name: "2026-11-01..2026-11-07",
    window: { from: at("2026-11-01T00:00Z"), to: at("2026-11-08T00:00Z") },
    lastDay: "2026-11-07",
  });
  assert.equal(asked("from=2026-10-01&to=2026-10-31").lastDay, "2026-10-31");
  assert.match(
    String(ask("from=2026-10-01&to=2026-11-01")),
    /Cannot publish 32 days: choose 1 to 31/,
  );
  assert.match(String(ask("from=2026-11-02&to=2026-11-01")), /Cannot publish 0 days/);
});

Deno.test("askedWindow() says what is wrong with a window or a day", () => {
  assert.match(String(ask("window=1y")), /choose one of 24h, 7d, 30d/);
  assert.match(String(ask("window=toString")), /choose one of/);
  for (
    const query of [
      "from=2026-11-01",
      "to=2026-11-01",
      "from=2026-02-31&to=2026-03-01",
      "from=1&to=2",
    ]
  ) {
    assert.match(String(ask(query)), /Cannot read the range/, query);
  }
});

Deno.test("rolledWindow() ends no later than what is rolled up, at the same length; days stand as they are", () => {
  const day = asked("window=24h");
  assert.deepEqual(rolledWindow(day, null), day.window);
  assert.deepEqual(rolledWindow(day, at("2026-11-21T10:17Z")), day.window);
  assert.deepEqual(rolledWindow(day, at("2026-11-21T10:15:30Z")), {
    from: at("2026-11-20T10:15Z"),
    to: at("2026-11-21T10:15Z"),
  });
  const range = asked("from=2026-11-01&to=2026-11-07");
  assert.deepEqual(rolledWindow(range, at("2026-11-02T00:00Z")), range.window);
});
