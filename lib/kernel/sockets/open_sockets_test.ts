/** Tests of sockets.ts: what the log says of the way that is taken, and what it costs. */
import assert from "node:assert/strict";
import { type LogFields, silentLog } from "../log.ts";
import { findHostLoop } from "./host_loop.ts";
import { type Libc, openLibc } from "./libc.ts";
import { openSockets, type SocketsWish } from "./sockets.ts";

type Line = [level: string, event: string, fields: LogFields | undefined];

const ignore = Deno.build.os !== "linux";

/** The lines that opening leaves, each after its level. */
async function saidOf(wish: SocketsWish, libcOf: () => Libc): Promise<Line[]> {
  const said: Line[] = [];
  const sockets = openSockets(wish, {
    ...silentLog,
    info: (event, fields) => void said.push(["info", event, fields]),
    warn: (event, fields) => void said.push(["warn", event, fields]),
  }, libcOf);
  await sockets.close();
  return said;
}

const fails = () => {
  throw new Error("no such library");
};

Deno.test("openSockets() says that its loop hears Deno's own", {
  ignore: ignore || findHostLoop(openLibc()) === null,
}, async () => {
  assert.deepEqual(await saidOf("auto", openLibc), [
    ["info", "sockets.opened", { kind: "epoll", hears_host: true }],
  ]);
});

Deno.test("openSockets() warns once of what it costs when Deno's loop is not found", {
  ignore,
}, async () => {
  // A system that does not tell what is open.
  const said = await saidOf("epoll", () => ({ ...openLibc(), readlink: () => -1 }));
  assert.equal(said.length, 1);
  const [level, event, fields] = said[0] ?? [];
  assert.deepEqual([level, event, fields?.kind, fields?.hears_host], [
    ...["warn", "sockets.opened", "epoll", false],
  ]);
  assert.match(String(fields?.because), /a thread waits .* more CPU per wake/);
});

Deno.test("openSockets() warns too when the loop was found and cannot be watched", {
  ignore,
}, async () => {
  const libc = openLibc();
  const host = findHostLoop(libc);
  const said = await saidOf("auto", () => ({
    ...libc,
    epoll_ctl: (...given) => given[2] === host ? -1 : libc.epoll_ctl(...given),
  }));
  assert.deepEqual(said.map(([level, , fields]) => [level, fields?.hears_host]), [["warn", false]]);
});

Deno.test("openSockets() takes node's where epoll cannot be had, and fails where it was wished for", async () => {
  assert.deepEqual(await saidOf("auto", fails), [
    ["info", "sockets.opened", { kind: "node", because: "Error: no such library" }],
  ]);
  assert.throws(() => openSockets("epoll", silentLog, fails), /no such library/);
  assert.deepEqual(await saidOf("node", fails), []);
});
