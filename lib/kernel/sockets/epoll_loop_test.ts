/** Tests of epoll_loop.ts: with Deno's own epoll beside it, and without. */
import assert from "node:assert/strict";
import { IN } from "./epoll_event.ts";
import { EpollLoop } from "./epoll_loop.ts";
import { findHostLoop } from "./host_loop.ts";
import { NONBLOCK, openLibc } from "./libc.ts";
import { until } from "./sockets_testing.ts";

const ignore = Deno.build.os !== "linux";
const ONE = new BigUint64Array([1n]);

for (
  const [kind, hostOf] of [["knows Deno's loop", findHostLoop], ["does not", () => null]] as const
) {
  Deno.test(
    `EpollLoop that ${kind}: tells news in time, also after a silence, and leaves timers theirs`,
    {
      ignore,
    },
    async () => {
      const libc = openLibc();
      const loop = new EpollLoop(libc, hostOf(libc));
      const fd = libc.eventfd(0, NONBLOCK);
      let told = 0;
      loop.own(fd, {
        on(events) {
          assert.equal(events & IN, IN);
          libc.read(fd, new BigUint64Array(1), 8n);
          told++;
        },
      });
      loop.add(fd, IN);
      for (let i = 1; i <= 3; i++) {
        libc.write(fd, ONE, 8n);
        await until("it is told", () => told === i);
        // Longer than the loop's own patience: then a thread waits.
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
      libc.write(fd, ONE, 8n);
      loop.drop(fd);
      await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(told, 3, "what is dropped is told nothing more");
      await loop.close();
      await loop.close();
    },
  );

  Deno.test(
    `EpollLoop that ${kind}: a number that goes to another socket tells nothing of the one before`,
    {
      ignore,
    },
    async () => {
      const libc = openLibc();
      const loop = new EpollLoop(libc, hostOf(libc));
      const told: string[] = [];
      const make = (name: string) => {
        const fd = libc.eventfd(0, NONBLOCK);
        loop.own(fd, {
          on() {
            told.push(name);
            if (fds.length === 2) { for (const one of fds.splice(0)) loop.drop(one); }
          },
        });
        loop.add(fd, IN);
        return fd;
      };
      const fds: number[] = [];
      fds.push(make("a"), make("b"));
      for (const fd of fds) libc.write(fd, ONE, 8n);
      // Both have news at once; whoever hears first drops both, and their numbers are free.
      await until("one is told", () => told.length > 0);
      const again = make("c");
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(told.length, 1);
      loop.drop(again);
      await loop.close();
    },
  );
}
