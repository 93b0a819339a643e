/**
 * An engine that costs next to nothing: vLLM's answers on raw sockets, so that what is measured is the gateway.
 * A request says what it wants in a member `bench`: `{"chunks":60,"every_ms":20,"ttft_ms":50}`. Each chunk carries the
 * moment it was sent. Run as a process of its own: `deno run -A bench/fast_engine.ts PORT`.
 */
import net from "node:net";
import { setImmediate } from "node:timers";

type Wish = { chunks: number; everyMs: number; ttftMs: number; usageEach: boolean; usage: boolean };
type Plain = { socket: net.Socket; body: string; dueMs: number };
type Stream = { socket: net.Socket; wish: Wish; sent: number; dueMs: number };

const SSE_HEAD =
  "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: 0123456789abcdef\r\ntransfer-encoding: chunked\r\n\r\n";
const MODELS =
  '{"object":"list","data":[{"id":"m","object":"model","created":1735689600,"owned_by":"vllm","max_model_len":8192}]}';
const ID = '"id":"chatcmpl-0123456789abcdef0123456789abcdef","created":1735689600,"model":"m"';
const PROMPT_TOKENS = 200;
const TICK_MS = 1;
/** As uvicorn has it. A connection past it waits a second for its next try, which would be taken for the gateway's. */
const BACKLOG = 2_048;
/** With so few at a time the moment of an answer is exact; a timer is right to a millisecond only. */
const EXACT_MAX = 8;
const SPIN_MS = 2;

/** Microseconds since the Unix epoch, with more than a millisecond's precision. */
export const nowUs = () => Math.round((performance.timeOrigin + performance.now()) * 1_000);

const running = new Set<Stream>();
const plain = new Set<Plain>();
/** Streams whose client went away before their end. */
let aborted = 0;
let opened = 0;

function main(port: number): void {
  const server = net.createServer({ noDelay: true }, accept);
  server.listen({ port, host: "127.0.0.1", backlog: BACKLOG });
  beat();
}

/** Spins shortly before something is due when little is going on; else looks once a millisecond. */
function beat(): void {
  tick();
  const all = [...plain, ...running];
  if (all.length === 0 || all.length > EXACT_MAX) return void setTimeout(beat, TICK_MS);
  const nextMs = Math.min(...all.map(({ dueMs }) => dueMs)) - performance.now();
  if (nextMs > SPIN_MS) setTimeout(beat, Math.min(TICK_MS, nextMs - SPIN_MS));
  else setImmediate(beat);
}

function accept(socket: net.Socket): void {
  let held = "";
  opened++;
  socket.on("error", () => {});
  socket.on("close", () => {
    for (const stream of running) {
      if (stream.socket !== socket) continue;
      running.delete(stream);
      aborted++;
    }
  });
  // latin1: one character is one byte, so lengths are lengths.
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    held += text;
    for (;;) {
      const end = held.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = held.slice(0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (held.length < end + 4 + length) return;
      const body = held.slice(end + 4, end + 4 + length);
      held = held.slice(end + 4 + length);
      answer(socket, head, body);
    }
  });
}

function answer(socket: net.Socket, head: string, body: string): void {
  const path = head.slice(head.indexOf(" ") + 1, head.indexOf(" ", head.indexOf(" ") + 1));
  if (path === "/v1/models") return json(socket, MODELS);
  if (path === "/counts") {
    return json(socket, JSON.stringify({ aborted, opened, running: running.size }));
  }
  if (!path.startsWith("/v1/")) return json(socket, "{}");
  const wish = wishOf(body);
  if (!/"stream": *true/.test(body)) return answerWhole(socket, wish);
  const dueMs = performance.now() + wish.ttftMs;
  running.add({ socket, wish, sent: 0, dueMs });
}

function wishOf(body: string): Wish {
  const text = /"bench": *\{([^}]*)\}/.exec(body)?.[1] ?? "";
  const number = (name: string, otherwise: number) =>
    Number(new RegExp(`"${name}": *([\\d.]+)`).exec(text)?.[1] ?? otherwise);
  return {
    chunks: number("chunks", 16),
    everyMs: number("every_ms", 0),
    ttftMs: number("ttft_ms", 0),
    usage: /"include_usage": *true/.test(body),
    usageEach: /"continuous_usage_stats": *true/.test(body),
  };
}

function answerWhole(socket: net.Socket, { chunks, ttftMs }: Wish): void {
  const text = JSON.stringify(" token".repeat(chunks));
  const body =
    `{${ID},"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":${text}},"logprobs":null,"finish_reason":"stop"}],"usage":${
      usage(chunks)
    }}`;
  if (ttftMs > 0) plain.add({ socket, body, dueMs: performance.now() + ttftMs });
  else json(socket, body);
}

function json(socket: net.Socket, body: string): void {
  if (socket.destroyed) return;
  socket.write(
    `HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    "latin1",
  );
}

const usage = (tokens: number) =>
  `{"prompt_tokens":${PROMPT_TOKENS},"total_tokens":${
    PROMPT_TOKENS + tokens
  },"completion_tokens":${tokens}}`;

const framed = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

function chunk({ wish, sent }: Stream): string {
  const each = wish.usageEach ? `,"usage":${usage(sent + 1)}` : "";
  const reason = sent + 1 === wish.chunks ? '"stop"' : "null";
  return framed(
    `data: {"ts":"${nowUs()}",${ID},"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":${reason}}]${each}}\n\n`,
  );
}

function tick(): void {
  const now = performance.now();
  for (const answer of plain) {
    if (answer.dueMs > now) continue;
    plain.delete(answer);
    json(answer.socket, answer.body);
  }
  for (const stream of running) {
    if (stream.dueMs > now) continue;
    const { socket, wish } = stream;
    let text = stream.sent === 0 ? SSE_HEAD : "";
    do {
      text += chunk(stream);
      stream.sent++;
      stream.dueMs += wish.everyMs;
    } while (stream.sent < wish.chunks && stream.dueMs <= now);
    if (stream.sent >= wish.chunks) {
      if (wish.usage) {
        text += framed(
          `data: {${ID},"object":"chat.completion.chunk","choices":[],"usage":${
            usage(wish.chunks)
          }}\n\n`,
        );
      }
      text += framed("data: [DONE]\n\n") + "0\r\n\r\n";
      running.delete(stream);
    }
    socket.write(text, "latin1");
  }
}

if (import.meta.main) main(Number(Deno.args[0]));
