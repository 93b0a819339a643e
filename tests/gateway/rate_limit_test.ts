/** A key's requests and tokens a minute, as its client sees them. */
import assert from "node:assert/strict";
import { assertRefused, send } from "./refusals.ts";
import { startTestGateway } from "./support.ts";

Deno.test("the gateway holds a key to its requests and tokens a minute", async (t) => {
  await using gateway = await startTestGateway({ tiers: { a: { engine: {} } } });
  const limited = [429, "rate_limit_exceeded", "rate_limit_error", null] as const;
  await t.step("requests", async () => {
    const { secret } = await gateway.newKey({ requestsPerMinute: 2 });
    const headers = { authorization: `Bearer ${secret}` };
    for (const remaining of ["1", "0"]) {
      const response = await send(gateway, { headers });
      await response.body?.cancel();
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("x-ratelimit-limit-requests"), "2");
      assert.equal(response.headers.get("x-ratelimit-remaining-requests"), remaining);
    }
    const before = gateway.engine("a").stats().requests;
    const refused = await send(gateway, { headers });
    assert.match(refused.headers.get("x-ratelimit-reset-requests") ?? "", /^\d.*s$/);
    const waitS = Number(refused.headers.get("retry-after"));
    assert.ok(waitS >= 1 && waitS <= 30, `retry after ${waitS}`);
    await assertRefused(gateway, refused, { expect: limited, message: /2 requests a minute/ });
    assert.equal(gateway.engine("a").stats().requests, before);
  });
  await t.step("tokens, once the last request has told what it used", async () => {
    const { secret } = await gateway.newKey({ tokensPerMinute: 5 });
    const headers = { authorization: `Bearer ${secret}` };
    const first = await send(gateway, { headers });
    await first.body?.cancel();
    assert.deepEqual(
      [first.status, first.headers.get("x-ratelimit-limit-tokens")],
      [200, "5"],
    );
    const before = gateway.engine("a").stats().requests;
    const refused = await send(gateway, { headers });
    assert.equal(refused.headers.get("x-ratelimit-remaining-tokens"), "0");
    await assertRefused(gateway, refused, { expect: limited, message: /5 tokens a minute/ });
    assert.equal(gateway.engine("a").stats().requests, before);
  });
});
