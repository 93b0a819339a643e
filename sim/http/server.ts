/** A small HTTP/1.1 server over TCP: uvicorn's answers to the byte, and control of the socket, which node:http does not give. */

import { Buffer } from "node:buffer";
import net from "node:net";
import {
  BadRequest,
  HEADER_BYTES_MAX,
  type HttpRequest,
  parseHead,
  readChunked,
} from "./request.ts";
import { openReply, type Reply, type ReplyControl } from "./reply.ts";

export type Handler = (request: HttpRequest, reply: Reply) => void;

export type HttpServer = {
  readonly port: number;
  /** Stops listening; open connections stay. */
  refuse(): Promise<void>;
  /** Listens again on the same port. */
  accept(): Promise<void>;
  /** Open connections now. */
  connections(): number;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
};

export type ServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly keepAliveMs: number;
  readonly unixMs: () => number;
};

const INVALID = "Invalid HTTP request received.";

/** Listens and hands each request to `handle`. */
export async function serve(options: ServerOptions, handle: Handler): Promise<HttpServer> {
  const sockets = new Set<net.Socket>();
  const date = httpDate(options.unixMs);
  const open = (port: number) =>
    new Promise<net.Server>((resolve, reject) => {
      const server = net.createServer({ noDelay: true }, (socket) => {
        sockets.add(socket);
        socket.on("close", () => sockets.delete(socket));
        converse(socket, options.keepAliveMs, date, handle);
      });
      server.once("error", reject);
      server.listen(port, options.host, 1_024, () => resolve(server));
    });
  const shut = (server: net.Server) =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      // close() waits for connections; those stay, so the listener alone is what we wait for
      setTimeout(resolve, 0);
    });

  let listener: net.Server | null = await open(options.port);
  const address = listener.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return {
    port,
    async refuse() {
      const server = listener;
      listener = null;
      if (server !== null) await shut(server);
    },
    async accept() {
      listener ??= await open(port);
    },
    connections: () => sockets.size,
    async close() {
      const server = listener;
      listener = null;
      for (const socket of sockets) socket.destroy();
      if (server !== null) await shut(server);
    },
  };
}

/** One connection: requests one after another, and the idle limit between them. */
function converse(
  socket: net.Socket,
  keepAliveMs: number,
  date: () => string,
  handle: Handler,
): void {
  let received: Buffer = Buffer.alloc(0);
  let current: ReplyControl | null = null;
  let continued = false;
  let idle: ReturnType<typeof setTimeout> | undefined;

  const ended = () => {
    current = null;
    idle = setTimeout(() => socket.destroy(), keepAliveMs);
    if (received.length > 0) queueMicrotask(next);
  };
  const refuse = () => {
    const control = openReply(socket, date, false, false, () => {});
    current = control;
    control.reply.send(400, INVALID, "text/plain; charset=utf-8");
  };
  const next = () => {
    if (current !== null || received.length === 0) return;
    let request: HttpRequest | null;
    try {
      request = take();
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      return refuse();
    }
    if (request === null) return;
    clearTimeout(idle);
    continued = false;
    const control = openReply(socket, date, request.keepAlive, request.http10, ended);
    current = control;
    handle(request, control.reply);
  };
  const take = (): HttpRequest | null => {
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) {
      if (received.length > HEADER_BYTES_MAX) throw new BadRequest("header size");
      return null;
    }
    const { bodyLength, expectsContinue, ...head } = parseHead(received, end);
    const rest = received.subarray(end + 4);
    if (expectsContinue && !continued) {
      continued = true;
      socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (bodyLength === "chunked") {
      const read = readChunked(rest);
      if (read === null) return null;
      received = rest.subarray(read.used);
      return { ...head, body: read.body };
    }
    if (rest.length < bodyLength) return null;
    received = rest.subarray(bodyLength);
    return { ...head, body: rest.subarray(0, bodyLength) };
  };
  const gone = () => {
    clearTimeout(idle);
    current?.left();
    socket.destroy();
  };
  socket.on("data", (bytes: Buffer) => {
    clearTimeout(idle);
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    next();
  });
  // uvicorn takes a half-closed connection for a client that left
  socket.on("end", gone);
  socket.on("error", gone);
  socket.on("close", gone);
}

/** The Date header, made once a second. */
function httpDate(unixMs: () => number): () => string {
  let second = -1;
  let text = "";
  return () => {
    const now = Math.floor(unixMs() / 1_000);
    if (now !== second) {
      second = now;
      text = new Date(now * 1_000).toUTCString();
    }
    return text;
  };
}
