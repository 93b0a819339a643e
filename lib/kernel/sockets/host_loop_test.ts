/** Tests of host_loop.ts. */
import assert from "node:assert/strict";
import { findHostLoop } from "./host_loop.ts";
import { openLibc } from "./libc.ts";

const ignore = Deno.build.os !== "linux";

Deno.test("findHostLoop() finds the loop of this thread, and a worker's own in a worker", {
  ignore,
}, async () => {
  const here = findHostLoop(openLibc());
  assert.ok(here !== null, "this version of Deno waits by an epoll that can be found");
  const urls = ["host_loop.ts", "libc.ts"].map((name) =>
    JSON.stringify(import.meta.resolve(`./${name}`))
  );
  const text = `import { findHostLoop } from ${urls[0]}; import { openLibc } from ${urls[1]};
    postMessage(findHostLoop(openLibc()));`;
  const worker = new Worker(URL.createObjectURL(new Blob([text])), { type: "module" });
  const there = await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.terminate();
  assert.ok(typeof there === "number" && there !== here, `${there} is not ours, ${here}`);
  assert.equal(findHostLoop(openLibc()), here);
});
