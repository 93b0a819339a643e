import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { millis } from "@/lib/kernel/clock.ts";
import { choosePort, commandOf } from "./local_spawn.ts";
import { ProviderError } from "./provider.ts";

/** Says of the first `count` ports it is asked about that they are taken. */
class Taken extends Set<number> {
  readonly refused: number[] = [];
  constructor(readonly count: number) {
    super();
  }
  override has(port: number): boolean {
    if (this.refused.length === this.count) return false;
    this.refused.push(port);
    return true;
  }
}

Deno.test("choosePort() gives a free port that no sibling wrote down, or says there is none", () => {
  const taken = new Taken(5);
  const port = choosePort(null, taken);
  equal(taken.refused.length, 5);
  ok(!taken.refused.includes(port));
  throws(() => choosePort(null, new Taken(1_000)), ProviderError);
});

Deno.test("choosePort() keeps the port it had while that is free", () => {
  const keeps = () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    ok(choosePort(port, new Set()) !== port);
    listener.close();
    return choosePort(port, new Set()) === port;
  };
  // Another program may take the port in between, but hardly ten times.
  ok(Array.from({ length: 10 }, keeps).includes(true));
});

Deno.test("commandOf() fills in placeholders, and the tier's environment wins over the inherited one", () => {
  const spec = {
    command: ["run", "{host}:{port}", "{machine}/{machine}"],
    env: { A: "{port}" },
    stop_grace: millis(0),
  };
  const order = commandOf(spec, { A: "inherited", B: "kept" }, 81, "mac_1");
  deepEqual(order.command, ["run", "127.0.0.1:81", "mac_1/mac_1"]);
  deepEqual(order.env, { A: "81", B: "kept" });
});
