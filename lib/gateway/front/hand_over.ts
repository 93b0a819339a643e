/** Gives a connection to the full server for good: what was read of it, then the rest, both ways. */
import { Cancel } from "@/lib/kernel/cancel.ts";
import type { Bytes, Sockets, Wire, WireEars } from "@/lib/kernel/sockets/wire.ts";
import { LINGER_MS, UNREAD_MS_MAX } from "./limits.ts";

export type FullServer = {
  /** Where it listens on this machine. */
  readonly fullPort: number;
  readonly sockets: Pick<Sockets, "connect">;
};

/** Joins `client` to the server on this machine. Either side breaking off breaks the other; half-closing is passed on. */
export function handOver(
  client: Wire,
  read: Bytes,
  { fullPort, sockets }: FullServer,
  gone: () => void,
): void {
  const dialling = new Cancel();
  // A pause does not hold back what was on its way up already.
  const early: Bytes[] = [read];
  let hasEnded = false;
  client.pause();
  client.listen({
    bytes: (bytes) => void early.push(bytes),
    ended: () => void (hasEnded = true),
    broke() {
      dialling.abort(new Error("The client left"));
      gone();
    },
  });
  sockets.connect({ hostname: "127.0.0.1", port: fullPort }, dialling).then((server) => {
    if (dialling.aborted) return server.close();
    const ears = join(client, server, gone);
    for (const bytes of early) if (bytes.length > 0) server.write(bytes);
    if (hasEnded) ears.ended();
    client.resume();
  }, () => {
    client.close();
    gone();
  });
}

/** Answers the ears at the client. */
function join(client: Wire, server: Wire, gone: () => void): WireEars {
  let [clientEnded, serverEnded] = [false, false];
  let limit: ReturnType<typeof setTimeout> | undefined;
  const over = () => {
    clearTimeout(limit);
    client.close();
    server.close();
    gone();
  };
  /** What the server said in full is still delivered, and the client has its time to close first. */
  const deliver = () => {
    if (clientEnded && !client.isWriting) return over();
    clearTimeout(limit);
    limit = setTimeout(over, client.isWriting ? UNREAD_MS_MAX : LINGER_MS);
  };
  const ears = {
    bytes: (bytes: Bytes) => server.write(bytes) || client.pause(),
    drained: () => serverEnded ? deliver() : server.resume(),
    ended() {
      clientEnded = true;
      if (serverEnded) deliver();
      else server.hangUp();
    },
    broke: over,
  };
  client.listen(ears);
  server.listen({
    bytes: (bytes) => client.write(bytes) || server.pause(),
    drained: () => client.resume(),
    ended() {
      serverEnded = true;
      client.hangUp();
      deliver();
    },
    broke: over,
  });
  return ears;
}
