import { deepEqual, equal, rejects } from "node:assert/strict";
import { fleetFile } from "@/lib/kernel/fleet_file.ts";
import { ProviderError } from "./provider.ts";
import { openStatic } from "./static.ts";

const { lineup } = fleetFile.parse({
  models: [{ id: "m", name: "M", vendor: "v", kind: "chat", context_tokens: 100 }],
  lineup: [{
    name: "t",
    provider: "static",
    band: "standard",
    machines: 2,
    serves: { m: "m" },
    static: { urls: ["http://a:1/", "https://b/prefix"], key_env: "B_KEY" },
  }],
});
const ref = { machineId: "mac_1", deploymentId: "d", tier: "t", slot: 1, externalId: null };
const signal = new AbortController().signal;

Deno.test("status() is on at the slot's URL, and gone where the lineup names none", async () => {
  const provider = openStatic(lineup);
  const { power, baseUrl } = await provider.status(ref, signal);
  deepEqual([power, baseUrl], ["on", "https://b/prefix"]);
  equal((await provider.status({ ...ref, slot: 2 }, signal)).power, "gone");
  equal((await provider.status({ ...ref, tier: "other" }, signal)).power, "gone");
});

Deno.test("start(), stop() and destroy() are refused as unsupported", async () => {
  const provider = openStatic(lineup);
  const refused = (thrown: unknown) =>
    thrown instanceof ProviderError && thrown.kind === "unsupported";
  await rejects(() => provider.start(ref, { generation: 1 }, signal), refused);
  await rejects(() => provider.stop(ref, { generation: 1 }, signal), refused);
  await rejects(() => provider.destroy(ref, { generation: 1 }, signal), refused);
});
