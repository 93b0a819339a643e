import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { writeText } from "./write_text.ts";

Deno.test("writeText() writes UTF-8, whatever the characters", async () => {
  const texts = ["plain\r\n", "\x7f", "\x80", "é", "水", "🔥", "\ud800", "a".repeat(100_000) + "é"];
  const received: Buffer[] = [];
  const server = net.createServer((socket) => socket.on("data", (bytes) => received.push(bytes)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port ?? 0 : 0;
  const socket = net.connect({ port, host: "127.0.0.1" });
  for (const text of texts) writeText(socket, text);
  socket.end();
  await new Promise((resolve) => socket.once("close", resolve));
  await new Promise((resolve) => server.close(resolve));
  equal(Buffer.concat(received).compare(new TextEncoder().encode(texts.join(""))), 0);
});
