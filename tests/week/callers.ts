/** Those who ask: each sends one request when told to, and remembers what became of it. */
import { MODEL } from "./fleet.ts";

export type Ended =
  | { readonly kind: "answered" }
  /** An answer that says why not; `code` as in its body. */
  | { readonly kind: "refused"; readonly status: number; readonly code: string }
  /** The connection broke: the gateway was killed, or was not there. */
  | { readonly kind: "cut" }
  /** A stream with an error event in it. */
  | { readonly kind: "broken"; readonly code: string };

export type Callers = {
  /** Sends the next request, to the gateway as it is now. */
  send(): void;
  sent(): number;
  /** Requests without an end. */
  waiting(): number;
  readonly ended: readonly Ended[];
  /** A line for the log. */
  tell(): string;
};

/** Every other request is streamed. `url` is null while no gateway is there. */
export function callers(secret: string, url: () => string | null): Callers {
  let sent = 0;
  const ended: Ended[] = [];

  async function ask(base: string | null, n: number): Promise<Ended> {
    if (base === null) return { kind: "cut" };
    const response = await fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: MODEL,
        messages: [{ role: "user", content: `Question ${n}` }],
        max_tokens: 8 + n % 24,
        stream: n % 2 === 0,
      }),
    });
    const text = await response.text();
    if (response.status !== 200) {
      return { kind: "refused", status: response.status, code: codeIn(text) };
    }
    const isWhole = n % 2 === 0 ? text.trimEnd().endsWith("[DONE]") : text.includes('"choices"');
    return isWhole ? { kind: "answered" } : { kind: "broken", code: codeIn(text) };
  }

  return {
    send() {
      sent += 1;
      ask(url(), sent).catch((): Ended => ({ kind: "cut" })).then((end) => ended.push(end));
    },
    sent: () => sent,
    waiting: () => sent - ended.length,
    ended,
    tell() {
      const counts = new Map<string, number>();
      for (const end of ended) {
        const word = end.kind === "refused" || end.kind === "broken" ? end.code : end.kind;
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      return `${sent} sent, ${[...counts].map(([word, n]) => `${n} ${word}`).join(", ")}`;
    },
  };
}

const codeIn = (text: string): string => /"code":\s*"([a-z_]+)"/.exec(text)?.[1] ?? "no code";
