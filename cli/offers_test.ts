/** Tests of `offers`. */
import assert from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import type { DatabaseTarget } from "@/lib/kernel/database.ts";
import { startHyperstack } from "@/sim/hyperstack/start_hyperstack.ts";
import { cli, cliJson } from "./test_cli.ts";

const nowhere: DatabaseTarget = { kind: "url", url: "postgres://u:hidden@127.0.0.1:1/db" };

Deno.test("offers lists what is for rent, cheapest first, with price, stock and what can hibernate; needs no database", async () => {
  const api = await startHyperstack({ stock: { "NORWAY-1/L40": 3 } });
  const root = await Deno.makeTempDir({ prefix: "emberlane-offers-" });
  const io = { root, env: { HYPERSTACK_API_KEY: api.apiKey }, clock: systemClock };
  await Deno.writeTextFile(
    `${root}/fleet.yaml`,
    `
models: [{ id: m, name: M, vendor: V, kind: chat, context_tokens: 1000 }]
providers: { hyperstack: { base_url: "${api.url}", environment: default-CANADA-1, key_name: k } }
lineup:
  - { name: s, provider: static, band: spot, serves: { m: m }, static: { urls: ["http://localhost:1"] } }
`,
  );
  try {
    const { code, out } = await cli(nowhere, ["offers", "--gpu", "h100", "--spot"], io);
    assert.equal(code, 0);
    assert.match(out, /n3-H100x1-spot +hyperstack +CANADA-1 +H100-80G-PCIe +1 +2\.00 +spot +yes/);
    assert.doesNotMatch(out, /L40|n3-H100x1 /);
    const args = ["offers", "--region", "NORWAY-1", "--gpu", "L40", "--in-stock"];
    const { json } = await cliJson(nowhere, args, io);
    const { offers } = json as { offers: Record<string, unknown>[] };
    assert.deepEqual(
      offers.map((each) => [each["name"], each["usd_per_hour"], each["free"]]),
      [
        ["n3-L40x1-spot", "0.80", 3],
        ["n3-L40x1", "1.00", 3],
        ["n3-L40x2-spot", "1.60", 1],
        ["n3-L40x2", "2.00", 1],
      ],
    );
    assert.equal(offers[1]?.["nano_usd_per_minute"], 16_666_667);
    const a4000 = await cliJson(nowhere, ["offers", "--gpu", "A4000"], io);
    const kinds = (a4000.json as { offers: Record<string, unknown>[] }).offers;
    assert.ok(kinds.length > 0 && kinds.every((each) => each["can_hibernate"] === false));
    api.control.fault("pricebook", "server_error");
    const down = await cli(nowhere, ["offers"], io);
    assert.equal(down.code, 69);
    assert.match(down.err, /Cannot read what is for rent: hyperstack offers: 500/);
  } finally {
    await api.close();
    await Deno.remove(root, { recursive: true });
  }
});
