/** Tests of log.ts. */
import { deepEqual, equal, match } from "node:assert/strict";
import { createLog, type LogLevel } from "./log.ts";

function recordingLog(level: LogLevel) {
  const writes: string[] = [];
  const log = createLog({ level, write: (lines) => writes.push(lines), now: () => 0 });
  const lines = () => {
    log.flush();
    return writes.join("").split("\n").filter((line) => line !== "").map((line) =>
      JSON.parse(line)
    );
  };
  return { log, writes, lines };
}

Deno.test("createLog() writes one JSON line per event, with the fields bound by with()", () => {
  const { log, lines } = recordingLog("debug");
  log.with({ replica: "rep_1" }).with({ tier: "a" }).info("wake.begun", { waitMs: 3 });
  deepEqual(lines(), [{
    at: "1970-01-01T00:00:00.000Z",
    level: "info",
    event: "wake.begun",
    replica: "rep_1",
    tier: "a",
    waitMs: 3,
  }]);
});

Deno.test("createLog() leaves out what is below its level", () => {
  const { log, lines } = recordingLog("warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  deepEqual(lines().map((line) => line.event), ["c", "d"]);
});

Deno.test("createLog() gathers lines, and lets a warning take them along at once", () => {
  const { log, writes } = recordingLog("debug");
  log.info("a");
  log.info("b");
  equal(writes.length, 0);
  log.warn("c");
  equal(writes.length, 1);
  equal(writes[0]?.split("\n").length, 4);
});

Deno.test("createLog() does not hold more than its limit", () => {
  const { log, writes } = recordingLog("debug");
  for (let i = 0; i < 199; i++) log.info("a");
  equal(writes.length, 0);
  log.info("a");
  equal(writes.length, 1);
});

Deno.test("createLog() writes an error with its code, its stack and its cause's message", () => {
  const { log, lines } = recordingLog("debug");
  const error = new Error("outer", { cause: new Error("inner") });
  log.error("broken", { error: Object.assign(error, { code: "23505" }) });
  const [line] = lines();
  equal(line.error.message, "outer");
  equal(line.error.code, "23505");
  equal(line.error.cause, "inner");
  match(line.error.stack, /log_test/);
});
