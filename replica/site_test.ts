import assert from "node:assert/strict";
import { instant } from "@/lib/kernel/clock.ts";
import { createLog } from "@/lib/kernel/log.ts";
import { openSite } from "./site.ts";

Deno.test("a site whose pages cannot be made fails page by page, tells why, and tries again", async () => {
  const stopped = new AbortController();
  let [text, tries] = ["", 0];
  const log = createLog({
    ...{ level: "info", now: () => instant(0) },
    write: (more) => void (text += more),
  });
  const site = await openSite({
    state() {
      tries++;
      return Promise.reject(new Error("content/a.md:3 is broken"));
    },
    ...{ demo: false, dev: false, signal: stopped.signal },
    log,
  });
  for (let times = 1; times <= 2; times++) {
    const answer = await site.answer(new Request("http://gateway/"));
    assert.equal(answer.status, 500);
    await answer.body?.cancel();
    assert.equal(tries, times);
  }
  site.begin();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(tries, 3);
  stopped.abort();
  log.flush();
  const told = text.split("\n").filter((line) => line.includes("site_failed"));
  assert.deepEqual(told.map((line) => line.includes("content/a.md:3")), [true, true, true]);
});
