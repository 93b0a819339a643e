import { deepEqual, equal, throws } from "node:assert/strict";
import { Cancel, type CancelSignal, type Follower, relayed } from "./cancel.ts";

Deno.test("abort() tells every listener once, in order, and keeps the first reason", () => {
  const cancel = new Cancel();
  const heard: string[] = [];
  const first = () => heard.push("first");
  cancel.addEventListener("abort", first);
  cancel.addEventListener("abort", first);
  cancel.addEventListener("abort", () => heard.push("second"));
  cancel.addEventListener("abort", () => heard.push("third"));
  cancel.throwIfAborted();
  cancel.abort("why");
  cancel.abort("again");
  deepEqual(heard, ["first", "second", "third"]);
  equal(cancel.aborted, true);
  equal(cancel.reason, "why");
  throws(() => cancel.throwIfAborted(), (thrown) => thrown === "why");
});

Deno.test("removeEventListener() takes out the listener it is given, whichever came first", () => {
  const heard: string[] = [];
  const listeners = ["a", "b", "c"].map((name) => () => void heard.push(name));
  for (const [out, left] of [[0, ["b", "c"]], [1, ["a", "c"]], [2, ["a", "b"]]] as const) {
    const cancel = new Cancel();
    heard.length = 0;
    for (const listener of listeners) cancel.addEventListener("abort", listener);
    const gone = listeners[out];
    if (gone !== undefined) cancel.removeEventListener("abort", gone);
    cancel.abort(null);
    deepEqual(heard, left);
  }
});

Deno.test("a listener that takes another out while it is told keeps the other from being told", () => {
  const cancel = new Cancel();
  let told = 0;
  const late = () => void told++;
  cancel.addEventListener("abort", () => {});
  cancel.addEventListener("abort", late);
  cancel.removeEventListener("abort", late);
  cancel.abort(null);
  cancel.addEventListener("abort", late);
  cancel.abort(null);
  equal(told, 0);
});

Deno.test("follow() tells whoever follows once, also when the word was given before, and not who left", () => {
  const heard: string[] = [];
  const follower = (name: string): Follower => ({
    seat: -1,
    onAbort: (reason) => heard.push(`${name}: ${reason}`),
  });
  const [stays, gone, late] = [follower("stays"), follower("gone"), follower("late")];
  const cancel = new Cancel();
  cancel.addEventListener("abort", () => heard.push("listener"));
  for (const one of [stays, gone]) cancel.follow(one);
  cancel.unfollow(gone);
  cancel.unfollow(gone);
  cancel.abort("why");
  cancel.abort("again");
  cancel.follow(late);
  deepEqual(heard, ["listener", "stays: why", "late: why"]);
});

Deno.test("a follower that takes another out while it is told keeps the other from being told", () => {
  const cancel = new Cancel();
  const told: string[] = [];
  const last: Follower = { seat: -1, onAbort: () => told.push("last") };
  cancel.follow({
    seat: -1,
    onAbort() {
      told.push("first");
      cancel.unfollow(last);
    },
  });
  cancel.follow(last);
  cancel.abort(null);
  deepEqual(told, ["first"]);
});

Deno.test("relayed() follows an AbortSignal, one that was aborted before included", () => {
  const controller = new AbortController();
  const signal: CancelSignal = relayed(controller.signal);
  let told = 0;
  signal.addEventListener("abort", () => told++);
  controller.abort("stop");
  equal(told, 1);
  equal(signal.reason, "stop");
  equal(relayed(controller.signal).aborted, true);
});
