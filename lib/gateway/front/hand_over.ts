/** Gives a connection to the full server for good: what was read of it, then the rest, both ways. */
import net from "node:net";
import type { Buffer } from "node:buffer";

/** A client that does not take the last bytes of an answer for this long has left. */
const UNREAD_MS_MAX = 120_000;

/** Pipes `client` to the server on this machine. Either side breaking off breaks the other; half-closing is passed on. */
export function handOver(client: net.Socket, read: Buffer, port: number): void {
  const server = net.connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
  server.on("error", () => client.destroy());
  client.on("error", () => server.destroy());
  server.on("close", () => letGo(client, server.readableEnded));
  client.on("close", () => server.destroy());
  if (read.length > 0) server.write(read);
  client.pipe(server);
  server.pipe(client);
}

/** What the server said in full is still delivered; anything else breaks off. */
function letGo(client: net.Socket, isWhole: boolean): void {
  if (!isWhole || client.writableFinished) return void client.destroy();
  client.once("finish", () => client.destroy());
  client.setTimeout(UNREAD_MS_MAX, () => client.destroy());
}
