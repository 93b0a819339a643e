/** Tests of host_loop.ts. */
import assert from "node:assert/strict";
import { CTL_ADD, eventRoom } from "./epoll_event.ts";
import { findHostLoop } from "./host_loop.ts";
import { openLibc } from "./libc.ts";

const ignore = Deno.build.os !== "linux" || !tellsWhatIsWatched();

/** Not every system that passes for Linux says in /proc what an epoll watches; there the loop is not to be found. */
function tellsWhatIsWatched(): boolean {
  const libc = openLibc();
  const [epoll, watched] = [libc.epoll_create1(0), libc.eventfd(0, 0)];
  libc.epoll_ctl(epoll, CTL_ADD, watched, eventRoom(1));
  const text = Deno.readTextFileSync(`/proc/self/fdinfo/${epoll}`);
  libc.close(epoll);
  libc.close(watched);
  return text.includes("tfd:");
}

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
