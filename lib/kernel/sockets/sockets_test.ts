/** What every kind of sockets keeps to; against peers of Deno's own. */
import assert from "node:assert/strict";
import { Cancel } from "../cancel.ts";
import { SOCKETS_OF_THIS_SYSTEM, until } from "./sockets_testing.ts";
import type { Bytes, Sockets, Wire, WireEars } from "./wire.ts";

const HERE = "127.0.0.1";
const never = new Cancel();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A wire, and what its ears have heard. */
function heard(wire: Wire, more: Partial<WireEars> = {}) {
  const parts: Bytes[] = [];
  const all = { wire, parts, text: "", ended: false, drains: 0, broke: null as unknown };
  wire.listen({
    bytes(bytes) {
      parts.push(bytes);
      all.text += text(bytes);
    },
    ended: () => void (all.ended = true),
    broke: (error) => void (all.broke = error),
    drained: () => void all.drains++,
    ...more,
  });
  return all;
}

type Heard = ReturnType<typeof heard>;

/** A listener of ours and a peer of Deno's on either end of one connection. */
async function pair(sockets: Sockets, more: Partial<WireEars> = {}) {
  let taken: Heard | null = null;
  const target = { hostname: HERE, port: 0, sharesPort: false, backlog: 16 };
  const listener = await sockets.listen(target, (wire) => taken = heard(wire, more));
  const peer = await Deno.connect({ hostname: HERE, port: listener.port });
  await until("it was taken", () => taken !== null);
  listener.close();
  assert.ok(taken !== null);
  return { ours: taken as Heard, peer };
}

/** As many bytes of the peer as there are, to its end. */
async function readAll(peer: Deno.Conn): Promise<Uint8Array> {
  return new Uint8Array(await new Response(peer.readable).arrayBuffer());
}

const codeOf = (error: unknown) => error instanceof Error && "code" in error ? error.code : error;

for (const [kind, open] of SOCKETS_OF_THIS_SYSTEM) {
  const test = (what: string, body: (sockets: Sockets) => Promise<void>) =>
    Deno.test(`${kind}: ${what}`, async () => {
      const sockets = open();
      try {
        await body(sockets);
      } finally {
        await sockets.close();
      }
    });

  test("what is written on either side arrives on the other, as UTF-8", async (sockets) => {
    const { ours, peer } = await pair(sockets);
    const said = "ASCII, Grüße, 日本語, 🦆";
    await peer.write(new TextEncoder().encode(said));
    await until("it came", () => ours.text === said);
    ours.wire.write(said);
    ours.wire.write(new Uint8Array([33]));
    ours.wire.hangUp();
    assert.equal(text(await readAll(peer)), `${said}!`);
    ours.wire.close();
  });

  test("a text longer than any buffer arrives whole, at a reader that is slow", async (sockets) => {
    const { ours, peer } = await pair(sockets);
    const said = "é日a".repeat(3_000_000);
    assert.equal(ours.wire.write(said), false, "the system cannot take it all");
    assert.equal(ours.wire.isWriting, true);
    assert.equal(ours.wire.write("end"), false, "and its end waits behind it");
    ours.wire.hangUp();
    const reading = readAll(peer);
    await until("it has drained", () => ours.drains > 0 || !ours.wire.isWriting);
    assert.equal(text(await reading), `${said}end`);
    ours.wire.close();
  });

  test("a piece that was heard stays what it was while more comes", async (sockets) => {
    const { ours, peer } = await pair(sockets);
    for (let i = 0; i < 400; i++) {
      await peer.write(new Uint8Array(97).fill(i % 251));
      await until("it came", () => ours.parts.length === i + 1);
    }
    ours.parts.forEach((part, i) =>
      assert.ok(part.length === 97 && part.every((b) => b === i % 251))
    );
    ours.wire.close();
    peer.close();
  });

  test("a side that ended can still be spoken to, until it breaks", async (sockets) => {
    const { ours, peer } = await pair(sockets);
    await peer.closeWrite();
    await until("its end is heard", () => ours.ended);
    ours.wire.write("still here");
    const buffer = new Uint8Array(64);
    assert.equal(text(buffer.subarray(0, await peer.read(buffer) ?? 0)), "still here");
    peer.close();
    await until("it breaks", () => {
      ours.wire.write("more");
      return ours.broke !== null;
    });
    assert.match(String(codeOf(ours.broke)), /EPIPE|ECONNRESET/);
  });

  test("a reset is heard as one", async (sockets) => {
    const { ours, peer } = await pair(sockets);
    ours.wire.write("never read by the peer");
    await new Promise((resolve) => setTimeout(resolve, 20)); // so that there is something unread to reset over
    peer.close();
    await until("it is heard", () => ours.broke !== null || ours.ended);
    // A reset that overtakes the end is told as a broken pipe (Linux).
    if (ours.broke !== null) assert.match(String(codeOf(ours.broke)), /ECONNRESET|EPIPE/);
    ours.wire.close();
  });

  test("while paused nothing comes, and then all of it", async (sockets) => {
    const { ours, peer } = await pair(sockets);
    ours.wire.pause();
    await peer.write(new TextEncoder().encode("early"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = ours.text;
    ours.wire.resume();
    await until("it came", () => ours.text === "early");
    assert.equal(before, "");
    ours.wire.close();
    peer.close();
  });

  test("a peer that breaks while we are paused is heard once we read on", async (sockets) => {
    const { ours, peer } = await pair(sockets);
    ours.wire.write("unread");
    ours.wire.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
    peer.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    ours.wire.resume();
    await until("it is heard", () => ours.broke !== null || ours.ended);
    ours.wire.close();
  });

  test("after its close a wire hears nothing, not even of what came in the same breath", async (sockets) => {
    let bytes = 0;
    const { ours, peer } = await pair(sockets, {
      bytes() {
        bytes++;
        ours.wire.close();
      },
    });
    await peer.write(new Uint8Array(10));
    await until("the first came", () => bytes === 1);
    await peer.write(new Uint8Array(10)).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 30));
    ours.wire.close();
    ours.wire.write("to nobody");
    assert.deepEqual([bytes, ours.ended, ours.broke], [1, false, null]);
    peer.close();
  });

  test("connecting reaches a name, a number and a path", async (sockets) => {
    const path = await Deno.makeTempFile();
    await Deno.remove(path);
    const doors = [
      [Deno.listen({ hostname: HERE, port: 0 }), HERE],
      [Deno.listen({ hostname: "localhost", port: 0 }), "localhost"],
      [Deno.listen({ transport: "unix", path }), path],
    ] as const;
    for (const [door, name] of doors) {
      const target = door.addr.transport === "tcp"
        ? { hostname: name, port: door.addr.port }
        : { path: name };
      const [wire, peer] = await Promise.all([sockets.connect(target, never), door.accept()]);
      const ours = heard(wire);
      await peer.write(new TextEncoder().encode(name));
      await until("it came", () => ours.text === name);
      wire.close();
      peer.close();
      door.close();
    }
  });

  test("a port where nobody listens refuses, by its name", async (sockets) => {
    const door = Deno.listen({ hostname: HERE, port: 0 });
    const { port } = door.addr;
    door.close();
    await assert.rejects(
      sockets.connect({ hostname: HERE, port }, never),
      (error) => codeOf(error) === "ECONNREFUSED",
    );
    await assert.rejects(
      sockets.connect({ path: "/nowhere/at/all" }, never),
      (error) => codeOf(error) === "ENOENT",
    );
  });

  test("giving up ends connecting with its reason", async (sockets) => {
    const reason = new Error("Enough");
    const early = new Cancel();
    early.abort(reason);
    await assert.rejects(sockets.connect({ hostname: HERE, port: 9 }, early), reason);
    // Nobody answers there (RFC 5737): it can only end by giving up, or at once where there is no way at all.
    const late = new Cancel();
    const connecting = sockets.connect({ hostname: "192.0.2.1", port: 9 }, late);
    const outcome = assert.rejects(
      connecting,
      (error) => error === reason || /UNREACH|EACCES|EPERM|REFUSED/.test(String(codeOf(error))),
    );
    setTimeout(() => late.abort(reason), 20);
    await outcome;
  });

  test("a taken address is refused, a shared one is shared", async (sockets) => {
    const target = { hostname: HERE, port: 0, sharesPort: false, backlog: 16 };
    const alone = await sockets.listen(target, (wire) => wire.close());
    await assert.rejects(
      sockets.listen({ ...target, port: alone.port }, (wire) => wire.close()),
      (error) => codeOf(error) === "EADDRINUSE",
    );
    alone.close();
    const counts = [0, 0];
    const count = (i: number) => (wire: Wire) => {
      counts[i] = (counts[i] ?? 0) + 1;
      wire.close();
    };
    const first = await sockets.listen({ ...target, sharesPort: true }, count(0));
    const second = await sockets.listen(
      { ...target, sharesPort: true, port: first.port },
      count(1),
    );
    for (let i = 0; i < 64; i++) (await Deno.connect({ hostname: HERE, port: first.port })).close();
    await until("all were taken", () => (counts[0] ?? 0) + (counts[1] ?? 0) === 64);
    assert.ok(counts.every((taken) => taken > 0), `each its share: ${counts}`);
    first.close();
    second.close();
    await assert.rejects(Deno.connect({ hostname: HERE, port: first.port }));
  });

  test("connections that come and go by the hundred are never taken for one another", async (sockets) => {
    const target = { hostname: HERE, port: 0, sharesPort: false, backlog: 256 };
    const listener = await sockets.listen(target, (wire) => {
      const echo = heard(wire, {
        bytes(bytes) {
          wire.write(bytes);
          if (bytes.includes(10)) wire.hangUp();
        },
        ended: () => wire.close(),
        broke: () => {},
      });
      void echo;
    });
    const one = async (i: number) => {
      const wire = await sockets.connect({ hostname: HERE, port: listener.port }, never);
      const ours = heard(wire);
      wire.write(`I am number ${i}`);
      if (i % 3 === 0) return wire.close(); // its number goes to another at once
      wire.write("\n");
      await until(`${i} is answered`, () => ours.ended);
      assert.equal(ours.text, `I am number ${i}\n`);
      wire.close();
    };
    for (let round = 0; round < 4; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => one(round * 100 + i)));
    }
    listener.close();
  });
}
