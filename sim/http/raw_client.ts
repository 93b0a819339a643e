/** A client for tests that sees every byte, and how the connection ended. */

import { Buffer } from "node:buffer";
import net from "node:net";

export type RawAnswer = {
  readonly status: number;
  /** Header lines as they came, without the status line. */
  readonly headers: readonly string[];
  /** The body, de-chunked. */
  readonly body: string;
  /** Whole and keeping the connection, cut before its end, reset, or refused before it began. */
  readonly end: "whole" | "cut" | "reset" | "refused";
};

export type RawRequest = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Leaves as soon as this says so of what has come. */
  readonly leaveWhen?: (seen: string) => boolean;
};

const WAIT_MS_MAX = 10_000;

/** Asks once on a connection of its own. Rejects after ten seconds without an end. */
export function ask(port: number, request: RawRequest): Promise<RawAnswer> {
  const body = request.body === undefined
    ? ""
    : typeof request.body === "string"
    ? request.body
    : JSON.stringify(request.body);
  const method = request.method ?? (request.body === undefined ? "GET" : "POST");
  const headers: Record<string, string> = { host: "sim", ...request.headers };
  if (body !== "") {
    headers["content-type"] ??= "application/json";
    headers["content-length"] = String(Buffer.byteLength(body));
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1");
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`No end of ${method} ${request.path} within ${WAIT_MS_MAX} ms: ${seen}`));
    }, WAIT_MS_MAX);
    let seen = "";
    let answered = false;
    const finish = (end: RawAnswer["end"]) => {
      if (answered) return;
      answered = true;
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...parse(seen), end });
    };
    socket.on("data", (bytes: Buffer) => {
      seen += bytes.toString("utf8");
      if (request.leaveWhen?.(seen)) finish("cut");
      else if (isWhole(seen)) finish("whole");
    });
    socket.on("error", (error: Error & { code?: string }) => {
      finish(error.code === "ECONNREFUSED" ? "refused" : "reset");
    });
    socket.on("close", () => finish("cut"));
    socket.write(`${method} ${request.path} HTTP/1.1\r\n${head}\r\n${body}`);
  });
}

/** Asks for a status until it comes; for what becomes true in a moment. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string) {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function parse(seen: string): Omit<RawAnswer, "end"> {
  const split = seen.indexOf("\r\n\r\n");
  if (split < 0) return { status: 0, headers: [], body: "" };
  const [first = "", ...headers] = seen.slice(0, split).split("\r\n");
  const rest = seen.slice(split + 4);
  const chunked = headers.includes("transfer-encoding: chunked");
  return { status: Number(first.split(" ")[1]), headers, body: chunked ? dechunk(rest) : rest };
}

function isWhole(seen: string): boolean {
  const split = seen.indexOf("\r\n\r\n");
  if (split < 0) return false;
  const length = /\r\ncontent-length: (\d+)/.exec(seen.slice(0, split));
  if (length !== null) return Buffer.byteLength(seen.slice(split + 4)) >= Number(length[1]);
  return seen.endsWith("\r\n0\r\n\r\n") || seen.endsWith("\r\n\r\n0\r\n\r\n");
}

/** Joins the chunks of a body of ASCII characters. */
function dechunk(text: string): string {
  let body = "";
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n", at);
    const size = end < 0 ? NaN : parseInt(text.slice(at, end), 16);
    if (!(size > 0)) return body;
    body += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}
