/** The command line. */

import assert from "node:assert/strict";
import { helpText, readFlags } from "./flags.ts";
import { DEFAULT_OPTIONS } from "./options.ts";

const read = (args: string, env: Record<string, string> = {}) =>
  readFlags(args.split(" ").filter((word) => word !== ""), (name) => env[name]);

Deno.test("readFlags() starts from the defaults", () => {
  assert.deepEqual(read(""), DEFAULT_OPTIONS);
});

Deno.test("readFlags() reads names, durations, phases and faults", () => {
  const options = read(
    "--port 0 --served-model-name a --served-model-name b --model org/m --profile v0.10 " +
      "--inter-token-latency 1500us --time-to-first-token 1.5s --startup weights=1.2,graphs=0.5 " +
      "--fault cut:after=3@0.5 --enable-sleep-mode --timeout-keep-alive 2",
    { VLLM_SERVER_DEV_MODE: "1", VLLM_API_KEY: "k" },
  );
  assert.ok(options);
  assert.deepEqual(options.servedModelNames, ["a", "b"]);
  assert.equal(options.model, "org/m");
  assert.equal(options.latency.interTokenLatencyMs, 1.5);
  assert.equal(options.latency.timeToFirstTokenMs, 1_500);
  assert.deepEqual(options.startupMs, { weights: 1_200, compile: 0, profile: 0, graphs: 500 });
  assert.deepEqual(options.faults[0]?.fault, { kind: "cut", after: 3, reset: false });
  assert.deepEqual([options.sleepMode, options.devMode, options.apiKeys], [true, true, ["k"]]);
  assert.equal(options.keepAliveMs, 2_000);
});

Deno.test("readFlags() shares a whole start out over the phases", () => {
  const phases = Object.values(read("--startup-seconds 10")?.startupMs ?? {});
  assert.equal(phases.reduce((sum, ms) => sum + ms, 0), 10_000);
});

Deno.test("readFlags() refuses what it cannot use and names the flag", () => {
  assert.throws(() => read("--prot 1"), RangeError);
  assert.throws(() => read("--port x"), /--port x/);
  assert.throws(() => read("--profile v9"), /choose one of main, v0.16, v0.10/);
  assert.throws(() => read("--inter-token-latency fast"), /give for example 12ms/);
});

Deno.test("readFlags() gives null for --help, whose text names every flag", () => {
  assert.equal(read("--help"), null);
  for (const flag of ["--port", "--fault", "--startup-seconds", "--profile"]) {
    assert.ok(helpText().includes(flag));
  }
});
