/** One suite for both clients: what they write, and what they make of every kind of answer. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { UpstreamCut, UpstreamFailure } from "./upstream.ts";
import {
  always,
  bothClients,
  breath,
  fetchText,
  once,
  type Peer,
  post,
  withScript,
} from "./upstream_testing.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n`;

bothClients(
  "writes the request as given, with its own framing and without compression",
  async (upstream) => {
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
  },
);

bothClients("refuses a request that cannot be written faithfully", async (upstream) => {
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
bothClients("reads every good answer, whole and byte by byte", async (upstream, name) => {
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

bothClients("reads a chunked answer split at every boundary", async (upstream, name) => {
  const answer = `${CHUNKED}X: y\r\n\r\n4;e\r\ndata\r\nc\r\n: [DONE]\r\n\r\n\r\n0\r\nT: u\r\n\r\n`;
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

bothClients("reads an answer that ends with the connection", async (upstream) => {
  await withScript(once(`${OK}Connection: close\r\n\r\nuntil the end`), async ({ url }) => {
    equal(await fetchText(upstream, post(url)), "until the end");
  });
});

bothClients(
  "reads no body after HEAD, and the header says what GET would give",
  async (upstream) => {
    await withScript(always(`${OK}Content-Length: 99\r\n\r\n`), async ({ url, accepted }) => {
      for (let i = 0; i < 2; i++) {
        const response = await upstream.send(post(url, { method: "HEAD", body: null }));
        equal(await response.body.read(), null);
        equal(response.headers.get("content-length"), "99");
      }
      equal(accepted(), 1);
    });
  },
);

bothClients("gives header fields in any case, joined, in Latin-1", async (upstream) => {
  const answer = `${OK}X-A: 1\r\nx-a:2 \r\nX-B: caf\xe9\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n`;
  await withScript(always(answer), async ({ url }) => {
    const { headers, body, status } = await upstream.send(post(url));
    deepEqual(
      [status, headers.get("x-a"), headers.get("x-b"), headers.get("x-empty"), headers.get("no")],
      [200, "1, 2", "caf\xe9", "", null],
    );
    body.cancel();
  });
});

bothClients("gives each write of the engine as it comes, before the next", async (upstream) => {
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
bothClients(
  "throws UpstreamCut for every body that stops or breaks, never ends it cleanly",
  async (upstream) => {
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
  },
);

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
bothClients("throws UpstreamFailure for every head that is none", async (upstream) => {
  for (const [what, answer] of bad) {
    await withScript(once(answer), async ({ url }) => {
      await rejects(() => upstream.send(post(url)), UpstreamFailure, what);
    });
  }
});
