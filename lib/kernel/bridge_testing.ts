/** For tests of lines to a server: another way to it, on which it can be made to say something else. */
import type { WireTarget } from "./sockets/wire.ts";

/** A port on loopback that leads to `server`; the connections of the numbers `refused`, from 1, hear `word` instead. */
export function bridge(
  server: WireTarget,
  refused: readonly number[] = [],
  word: Uint8Array = new Uint8Array(),
): { port: number } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const over = (async () => {
    let number = 0;
    for await (const conn of listener) {
      if (refused.includes(++number)) {
        await conn.write(word);
        continue; // closed from the other side
      }
      const behind = "path" in server
        ? await Deno.connect({ transport: "unix", path: server.path })
        : await Deno.connect({ hostname: server.hostname, port: server.port });
      conn.readable.pipeTo(behind.writable).catch(() => {});
      behind.readable.pipeTo(conn.writable).catch(() => {});
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await over;
    },
  };
}
