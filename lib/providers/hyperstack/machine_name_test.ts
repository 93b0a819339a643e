import assert from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import { newId } from "@/lib/kernel/ids.ts";
import { machineLabels, machineName, namedMachine, taggedMachine } from "./machine_name.ts";

const DEPLOYMENT = "dep_0123456789abcdef";

Deno.test("a machine's name says whose it is, fits, and is read back, also from the name of its disk", () => {
  const machineId = newId("mac", systemClock.now());
  const name = machineName(DEPLOYMENT, machineId);
  assert.ok(name.length <= 50, name);
  assert.deepEqual(namedMachine(name), { deploymentId: DEPLOYMENT, machineId });
  assert.deepEqual(namedMachine(`${name}-root`), { deploymentId: DEPLOYMENT, machineId });
  for (const other of ["", "web-1", "ember-", `${name}0`]) {
    assert.equal(namedMachine(other), null, other);
  }
});

Deno.test("a machine that was renamed is ours by its labels, and one that only looks like it is not", () => {
  const machineId = newId("mac", systemClock.now());
  const labels = machineLabels(DEPLOYMENT, machineId, "h100");
  assert.deepEqual(taggedMachine({ name: "renamed", labels }), {
    deploymentId: DEPLOYMENT,
    machineId,
  });
  const other = newId("mac", systemClock.now());
  const named = { name: machineName(DEPLOYMENT, other), labels };
  assert.equal(taggedMachine(named)?.machineId, other, "the name comes first");
  for (const part of [labels.slice(1), labels.slice(0, 2), [labels[0] ?? "", machineId], []]) {
    assert.equal(taggedMachine({ name: "web-1", labels: part }), null, String(part));
  }
});
