/** Tests of metrics.ts. */
import { equal, ok } from "node:assert/strict";
import { createMetrics } from "./metrics.ts";

Deno.test("createMetrics() writes every metric under one prefix, with its help", () => {
  const text = createMetrics().text();
  const names = text.split("\n").filter((line) => line.startsWith("# TYPE"))
    .map((line) => line.split(" ")[2] ?? "");
  equal(names.length, 21);
  ok(names.every((name) => name.startsWith("emberlane_")), names.join());
  equal(text.match(/^# HELP emberlane_\w+ .+$/gm)?.length, 21);
});

Deno.test("createMetrics() counts by label, and each set by itself", () => {
  const [one, two] = [createMetrics(), createMetrics()];
  one.requestsTotal.inc({ route: "chat", status: "200", tier: "box" });
  one.requestsTotal.inc({ route: "chat", status: "200", tier: "box" });
  one.wakeSeconds.observe({ tier: "box", phase: "load" }, 42);
  one.openStreams.set(3);
  const text = one.text();
  ok(text.includes('emberlane_requests_total{route="chat",status="200",tier="box"} 2\n'));
  ok(text.includes('emberlane_wake_seconds_bucket{le="60",tier="box",phase="load"} 1\n'));
  ok(text.includes('emberlane_wake_seconds_bucket{le="30",tier="box",phase="load"} 0\n'));
  ok(text.includes("emberlane_open_streams 3\n"));
  ok(!two.text().includes('tier="box"'));
});

Deno.test("createMetrics() claims no age of a billing snapshot while there is none", () => {
  const metrics = createMetrics();
  ok(!/^emberlane_billing_snapshot_age_seconds/m.test(metrics.text()));
  metrics.billingSnapshotAgeSeconds.set(0);
  ok(metrics.text().includes("\nemberlane_billing_snapshot_age_seconds 0\n"));
});
