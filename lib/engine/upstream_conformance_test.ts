/** One suite for both clients: whatever the gateway is given, it behaves the same on the wire. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { millis } from "@/lib/kernel/clock.ts";
import { type Upstream, UpstreamCut, UpstreamFailure } from "./upstream.ts";
import { openFetchUpstream } from "./upstream_fetch.ts";
import { openHttp1Upstream } from "./upstream_http1.ts";
import {
  breath,
  fetchText,
  never,
  type Peer,
  post,
  textOf,
  until,
  withScript,
} from "./upstream_testing.ts";
import { TEST_AUTHORITY, TEST_CERT, TEST_KEY } from "./upstream_testing_tls.ts";

const caCerts = [TEST_AUTHORITY];
const CLIENTS = [
  { name: "fetch", open: () => openFetchUpstream({ caCerts }) },
  { name: "http1", open: () => openHttp1Upstream({ caCerts }) },
] as const;

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n`;

/** Answers every request of a connection with the same bytes. */
const always = (answer: string) => async (peer: Peer) => {
  while (await peer.request() !== null) await peer.write(answer);
};
/** Answers one request and closes. */
const once = (answer: string) => async (peer: Peer) => {
  if (await peer.request() !== null) await peer.write(answer);
};

for (const { name, open } of CLIENTS) {
  const test = (what: string, work: (upstream: Upstream) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      const upstream = open();
      try {
        await work(upstream);
      } finally {
        upstream.close();
      }
    });

  test("writes the request as given, with its own framing and without compression", async (upstream) => {
    const heads: string[] = [];
    const script = async (peer: Peer) => {
      for (let got = await peer.request(); got !== null; got = await peer.request()) {
        heads.push(got.head.toLowerCase() + got.body);
        await peer.write(`${OK}content-length: 0\r\n\r\n`);
      }
    };
    await withScript(script, async ({ url }) => {
      const headers: [string, string][] = [["x-request-id", "r1"], ["authorization", "Bearer k"]];
      await fetchText(upstream, post(url, { headers }));
      await fetchText(upstream, post(url, { method: "GET", body: null }));
      await fetchText(upstream, post(url, { body: null }));
      const [first = "", second = "", third = ""] = heads;
      match(first, /^post \/v1\/x\?y=1 http\/1\.1\r\n/);
      match(first, new RegExp(`\r\nhost: ${url.host}\r\n`));
      match(first, /\r\nx-request-id: r1\r\n/);
      match(first, /\r\nauthorization: bearer k\r\n/);
      match(first, /\r\naccept-encoding: identity\r\n/);
      match(first, /\r\ncontent-length: 7\r\n([\s\S]*\r\n)?\r\n\{"a":1\}$/);
      match(second, /^get /);
      ok(!second.includes("content-length"));
      match(third, /\r\ncontent-length: 0\r\n/);
    });
  });

  test("refuses a request that cannot be written faithfully", async (upstream) => {
    const url = new URL("http://127.0.0.1:9/");
    const refused = (changes: Parameters<typeof post>[1]) =>
      rejects(() => upstream.send(post(url, changes)), TypeError);
    await refused({ headers: [["x", "a\r\nb: c"]] });
    await refused({ headers: [["x\r\n", "a"]] });
    await refused({ headers: [["Transfer-Encoding", "chunked"]] });
    await refused({ headers: [["content-length", "3"]] });
    await refused({ method: "GET / HTTP/1.1\r\nx:" });
    await refused({ url: new URL("ftp://127.0.0.1/") });
    await refused({ url: new URL("http://user:secret@127.0.0.1/") });
  });

  const good: [what: string, answer: string, body: string][] = [
    ["a length", `${OK}Content-Length: 5\r\n\r\nhello`, "hello"],
    ["chunks", `${CHUNKED}\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`, "hello"],
    ["a chunk extension", `${CHUNKED}\r\n5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n`, "hello"],
    ["trailers", `${CHUNKED}\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n`, "hello"],
    [
      "hex of both cases",
      `${CHUNKED}\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n`,
      "01234567890123456789",
    ],
    [
      "interim answers",
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 2\r\n\r\nhi`,
      "hi",
    ],
    ["no body of 204", "HTTP/1.1 204 No Content\r\n\r\n", ""],
    ["no body of 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""],
    ["an empty body", `${OK}Content-Length: 0\r\n\r\n`, ""],
    ["no reason phrase", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", "hi"],
    [
      "a redirect, not followed",
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 1\r\n\r\nx",
      "x",
    ],
  ];
  test("reads every good answer, whole and byte by byte", async (upstream) => {
    for (const [what, answer, body] of good) {
      await withScript(always(answer), async ({ url, accepted }) => {
        equal(await fetchText(upstream, post(url)), body, what);
        equal(await fetchText(upstream, post(url)), body, what);
        // `fetch` sees the end of chunks only later, and may have opened another by then.
        if (name === "http1") equal(accepted(), 1, `${what}: the connection serves again`);
      });
      const bytewise = async (peer: Peer) => {
        if (await peer.request() === null) return;
        for (const char of answer) {
          await peer.write(char);
          await Promise.resolve();
        }
        await peer.clientGone();
      };
      await withScript(bytewise, async ({ url }) => {
        equal(await fetchText(upstream, post(url)), body, `${what}, byte by byte`);
      });
    }
  });

  test("reads a chunked answer split at every boundary", async (upstream) => {
    const answer =
      `${CHUNKED}X: y\r\n\r\n4;e\r\ndata\r\nc\r\n: [DONE]\r\n\r\n\r\n0\r\nT: u\r\n\r\n`;
    let at = 0;
    const script = async (peer: Peer) => {
      while (await peer.request() !== null) {
        await peer.write(answer.slice(0, at));
        await breath();
        await peer.write(answer.slice(at));
      }
    };
    await withScript(script, async ({ url, accepted }) => {
      for (at = 1; at < answer.length; at++) {
        equal(await fetchText(upstream, post(url)), "data: [DONE]\r\n\r\n", `split at ${at}`);
      }
      if (name === "http1") equal(accepted(), 1);
    });
  });

  test("reads an answer that ends with the connection", async (upstream) => {
    await withScript(once(`${OK}Connection: close\r\n\r\nuntil the end`), async ({ url }) => {
      equal(await fetchText(upstream, post(url)), "until the end");
    });
  });

  test("reads no body after HEAD, and the header says what GET would give", async (upstream) => {
    await withScript(always(`${OK}Content-Length: 99\r\n\r\n`), async ({ url, accepted }) => {
      for (let i = 0; i < 2; i++) {
        const response = await upstream.send(post(url, { method: "HEAD", body: null }));
        equal(await response.body.read(), null);
        equal(response.headers.get("Content-Length"), "99");
      }
      equal(accepted(), 1);
    });
  });

  test("gives header fields in any case, joined, in Latin-1", async (upstream) => {
    const answer = `${OK}X-A: 1\r\nx-a:2 \r\nX-B: caf\xe9\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n`;
    await withScript(always(answer), async ({ url }) => {
      const { headers, body, status } = await upstream.send(post(url));
      deepEqual(
        [status, headers.get("X-A"), headers.get("x-b"), headers.get("x-empty"), headers.get("no")],
        [200, "1, 2", "caf\xe9", "", null],
      );
      body.cancel();
    });
  });

  test("gives each write of the engine as it comes, before the next", async (upstream) => {
    let goOn = () => {};
    const script = async (peer: Peer) => {
      await peer.request();
      await peer.write(`${CHUNKED}\r\n`);
      for (const word of ["one", "two", "three"]) {
        const told = new Promise<void>((resolve) => goOn = resolve);
        await peer.write(`${word.length}\r\n${word}\r\n`);
        await told;
      }
      await peer.write("0\r\n\r\n");
      await peer.clientGone();
    };
    await withScript(script, async ({ url }) => {
      const { body } = await upstream.send(post(url));
      const words: string[] = [];
      for await (const piece of body) {
        words.push(new TextDecoder().decode(piece));
        goOn();
      }
      deepEqual(words, ["one", "two", "three"]);
    });
  });

  const cut: [what: string, answer: string][] = [
    ["a short body", `${OK}Content-Length: 10\r\n\r\nhello`],
    ["no last chunk", `${CHUNKED}\r\n5\r\nhello\r\n`],
    ["half a chunk", `${CHUNKED}\r\n5\r\nhel`],
    ["a last chunk without its end", `${CHUNKED}\r\n5\r\nhello\r\n0\r\n`],
    ["a chunk longer than its size", `${CHUNKED}\r\n2\r\nhello\r\n0\r\n\r\n`],
    ["a chunk size that is none", `${CHUNKED}\r\n5\r\nhello\r\nxyz\r\n\r\n`],
    ["a negative chunk size", `${CHUNKED}\r\n-5\r\nhello\r\n0\r\n\r\n`],
    ["a chunk size past all bounds", `${CHUNKED}\r\nfffffffffffffffffff\r\nhello`],
  ];
  test("throws UpstreamCut for every body that stops or breaks, never ends it cleanly", async (upstream) => {
    for (const [what, answer] of cut) {
      await withScript(once(answer), async ({ url }) => {
        const { body } = await upstream.send(post(url));
        const all = async () => {
          while (await body.read() !== null);
        };
        await rejects(all, UpstreamCut, what);
        await rejects(all, UpstreamCut, `${what}, read again`);
      });
    }
  });

  const bad: [what: string, answer: string][] = [
    ["no HTTP", "SSH-2.0-OpenSSH_9.7\r\n\r\n"],
    ["a field without a colon", `${OK}nonsense\r\n\r\n`],
    ["a blank before the colon", `${OK}Content-Length : 5\r\n\r\nhello`],
    ["a length that is none", `${OK}Content-Length: 5x\r\n\r\nhello`],
    ["two lengths", `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
    ["too many fields", `${OK}${"A: b\r\n".repeat(2_000)}Content-Length: 0\r\n\r\n`],
    ["a head too long", `${OK}A: ${"b".repeat(1 << 20)}\r\nContent-Length: 0\r\n\r\n`],
    ["nothing", ""],
    ["half a head", `${OK}Content-Len`],
  ];
  test("throws UpstreamFailure for every head that is none", async (upstream) => {
    for (const [what, answer] of bad) {
      await withScript(once(answer), async ({ url }) => {
        await rejects(() => upstream.send(post(url)), UpstreamFailure, what);
      });
    }
  });

  test("says unreachable where nobody listens", async (upstream) => {
    let gone = new URL("http://127.0.0.1:1/");
    await withScript(always(""), ({ url }) => {
      gone = url;
      return Promise.resolve();
    });
    await rejects(() => upstream.send(post(gone)), { kind: "unreachable" });
  });

  test("says headers-timeout when no head comes in time, and closes", async (upstream) => {
    let left = false;
    const silent = async (peer: Peer) => {
      await peer.request();
      await peer.write("HTTP/1.1 200 O");
      await peer.clientGone();
      left = true;
    };
    await withScript(silent, async ({ url }) => {
      const request = post(url, { headersTimeoutMs: millis(80) });
      await rejects(() => upstream.send(request), { kind: "headers-timeout" });
      await until("the engine sees it", () => left);
    });
  });

  test("an abort before the head reaches the engine at once and throws its reason", async (upstream) => {
    let state = "idle";
    const silent = async (peer: Peer) => {
      await peer.request();
      state = "asked";
      await peer.clientGone();
      state = "left";
    };
    await withScript(silent, async ({ url }) => {
      const leaver = new AbortController();
      const sending = upstream.send(post(url, { signal: leaver.signal }));
      await until("it is asked", () => state === "asked");
      leaver.abort(new Error("the client left"));
      await rejects(sending, { message: "the client left" });
      await until("the engine sees it", () => state === "left");
      await rejects(() => upstream.send(post(url, { signal: leaver.signal })), {
        message: "the client left",
      });
    });
  });

  const endless = (seen: { left: boolean }) => async (peer: Peer) => {
    await peer.request();
    await peer.write(`${CHUNKED}\r\n5\r\nhello\r\n`);
    await peer.clientGone();
    seen.left = true;
  };
  test("an abort inside the body reaches the engine at once and throws its reason", async (upstream) => {
    const seen = { left: false };
    await withScript(endless(seen), async ({ url }) => {
      const leaver = new AbortController();
      const { body } = await upstream.send(post(url, { signal: leaver.signal }));
      equal(new TextDecoder().decode(await body.read() ?? undefined), "hello");
      const reading = body.read();
      leaver.abort(new Error("the client left"));
      await rejects(reading, { message: "the client left" });
      await until("the engine sees it", () => seen.left);
    });
  });

  test("cancel() reaches the engine at once; later reads throw, and leaving a loop cancels", async (upstream) => {
    const seen = { left: false };
    await withScript(endless(seen), async ({ url }) => {
      const { body } = await upstream.send(post(url));
      await body.read();
      body.cancel();
      body.cancel();
      await rejects(() => body.read(), UpstreamCut);
      await until("the engine sees it", () => seen.left);
      seen.left = false;
      for await (const _ of (await upstream.send(post(url))).body) break;
      await until("the engine sees that too", () => seen.left);
    });
  });

  test("does not use a connection again after an unfinished exchange", async (upstream) => {
    const script = async (peer: Peer) => {
      await peer.request();
      await peer.write(`${OK}Content-Length: ${6 + 600 * (1 - peer.nth)}\r\n\r\n${peer.nth}hello`);
      if (await peer.request() !== null) await peer.write("never asked for on this connection");
    };
    await withScript(script, async ({ url }) => {
      const { body } = await upstream.send(post(url));
      body.cancel();
      equal(await fetchText(upstream, post(url)), "1hello");
    });
  });

  test("a connection the engine closed while idle costs nothing", async (upstream) => {
    const script = async (peer: Peer) => {
      if (await peer.request() !== null) await peer.write(`${OK}Content-Length: 2\r\n\r\nok`);
    };
    await withScript(script, async ({ url, accepted }) => {
      for (let i = 0; i < 5; i++) {
        equal(await fetchText(upstream, post(url)), "ok");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      equal(accepted(), 5);
    });
  });

  test("an answer before the whole request was read is an answer", async (upstream) => {
    const body = new Uint8Array(8 << 20);
    const script = async (peer: Peer) => {
      await peer.write(
        "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig",
      );
      await peer.clientGone();
    };
    await withScript(script, async ({ url }) => {
      const response = await upstream.send(post(url, { body }));
      equal(response.status, 413);
      equal(await textOf(response), "big");
    });
  });

  test("a large request body arrives whole", async (upstream) => {
    const body = new Uint8Array(3 << 20).fill(97);
    const script = async (peer: Peer) => {
      const got = await peer.request();
      await peer.write(`${OK}Content-Length: 7\r\n\r\n${got?.body.length}`);
    };
    await withScript(script, async ({ url }) => {
      equal(await fetchText(upstream, post(url, { body })), String(3 << 20));
    });
  });

  test("a reader that stops reading stops the engine, and loses nothing", async (upstream) => {
    const piece = new Uint8Array(64 * 1024).fill(120);
    const pieces = 1_024;
    let written = 0;
    const script = async (peer: Peer) => {
      await peer.request();
      await peer.write(`${OK}Content-Length: ${piece.length * pieces}\r\n\r\n`);
      for (let i = 0; i < pieces; i++) {
        await peer.write(piece);
        written += piece.length;
      }
      await peer.clientGone();
    };
    await withScript(script, async ({ url }) => {
      const { body } = await upstream.send(post(url));
      let read = (await body.read())?.length ?? 0;
      let before = -1;
      while (written !== before) {
        before = written;
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      ok(written < 24 << 20, `held back at ${written} bytes`);
      for (let one = await body.read(); one !== null; one = await body.read()) read += one.length;
      equal(read, piece.length * pieces);
    });
  });

  test("many exchanges at once each get their own answer", async (upstream) => {
    const echo = async (peer: Peer) => {
      for (let got = await peer.request(); got !== null; got = await peer.request()) {
        const size = got.body.length.toString(16);
        await peer.write(`${CHUNKED}\r\n${size}\r\n${got.body}\r\n`);
        await breath();
        await peer.write("0\r\n\r\n");
      }
    };
    await withScript(echo, async ({ url }) => {
      for (let round = 0; round < 3; round++) {
        const words = Array.from({ length: 150 }, (_, i) => `round ${round} word ${i}`);
        const answers = await Promise.all(
          words.map((word) =>
            fetchText(upstream, post(url, { body: new TextEncoder().encode(word) }))
          ),
        );
        deepEqual(answers, words);
      }
    });
  });

  test("speaks TLS with a server it can trust, and with no other", async (upstream) => {
    const tls = { cert: TEST_CERT, key: TEST_KEY };
    await withScript(always(`${CHUNKED}\r\n2\r\nok\r\n0\r\n\r\n`), async ({ url, accepted }) => {
      equal(await fetchText(upstream, post(url)), "ok");
      equal(await fetchText(upstream, post(url)), "ok");
      equal(accepted(), 1);
      const wary = name === "fetch" ? openFetchUpstream() : openHttp1Upstream();
      await rejects(() => wary.send(post(url)), { kind: "unreachable" });
      wary.close();
    }, tls);
  });

  test("a TLS handshake that never ends is bounded", async (upstream) => {
    await withScript((peer) => peer.clientGone(), async ({ url }) => {
      const https = new URL(url.href.replace("http:", "https:"));
      const limits = { connectTimeoutMs: millis(100), headersTimeoutMs: millis(150) };
      await rejects(() => upstream.send(post(https, limits)), UpstreamFailure);
    });
  });

  test("close() refuses what comes after", async (upstream) => {
    upstream.close();
    upstream.close();
    const url = new URL("http://127.0.0.1:9/");
    await rejects(() => upstream.send(post(url, { signal: never() })), { kind: "unreachable" });
  });
}
