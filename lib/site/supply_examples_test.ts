import assert from "node:assert/strict";
import { parseFleet } from "@/lib/kernel/config.ts";
import { OWN_COMPUTER, OWN_SERVERS } from "./supply_examples.ts";

const MODELS =
  "models: [{ id: our-model, name: Ours, vendor: Us, kind: chat, context_tokens: 8192 }]\n";

Deno.test("the tiers shown to GPU owners are tiers that a gateway accepts", () => {
  for (const [text, provider] of [[OWN_SERVERS, "static"], [OWN_COMPUTER, "local"]] as const) {
    assert.equal(parseFleet(MODELS + text).lineup[0]?.provider, provider);
  }
});
