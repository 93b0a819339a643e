import { equal, rejects } from "node:assert/strict";
import { manualClock, millis } from "@/lib/kernel/clock.ts";
import { UpstreamCut, UpstreamFailure } from "./upstream.ts";
import { type Http1Options, openHttp1Upstream } from "./upstream_http1.ts";
import {
  always,
  breath,
  fetchText,
  type Peer,
  post,
  until,
  withScript,
} from "./upstream_testing.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const ANSWER = `${OK}Content-Length: 2\r\n\r\nok`;

async function withClient(
  script: (peer: Peer) => Promise<void>,
  work: (
    ask: () => Promise<string>,
    accepted: () => number,
  ) => Promise<void>,
  options: Http1Options = {},
): Promise<void> {
  const upstream = openHttp1Upstream(options);
  try {
    await withScript(
      script,
      ({ url, accepted }) => work(() => fetchText(upstream, post(url)), accepted),
    );
  } finally {
    upstream.close();
  }
}

/** Answers the first request of each connection, then does `next` at the second. */
const thenAtSecond = (next: (peer: Peer) => Promise<void>) => async (peer: Peer) => {
  if (await peer.request() === null) return;
  await peer.write(ANSWER);
  if (await peer.request() !== null) await next(peer);
};

Deno.test("send() retries once on a new connection when a reused one breaks before any answer", async () => {
  await withClient(thenAtSecond(() => Promise.resolve()), async (ask, accepted) => {
    for (let i = 0; i < 20; i++) equal(await ask(), "ok");
    equal(accepted(), 20);
  });
});

Deno.test("send() survives an engine that closes right after each answer", async () => {
  for (const pauseMs of [0, 1, 2]) {
    const closing = async (peer: Peer) => {
      if (await peer.request() === null) return;
      await peer.write(ANSWER);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    };
    await withClient(closing, async (ask) => {
      for (let i = 0; i < 100; i++) equal(await ask(), "ok");
    });
  }
});

Deno.test("send() does not retry once a byte of the answer has come", async () => {
  await withClient(thenAtSecond((peer) => peer.write("HTTP/1.1 2")), async (ask, accepted) => {
    equal(await ask(), "ok");
    await rejects(ask, { kind: "unreachable" });
    equal(accepted(), 1);
  });
});

Deno.test("send() does not retry on a fresh connection", async () => {
  const mute = async (peer: Peer) => void await peer.request();
  await withClient(mute, async (ask, accepted) => {
    await rejects(ask, { kind: "unreachable" });
    equal(accepted(), 1);
  });
});

Deno.test("send() does not retry a reused connection that broke later than 2 s after", async () => {
  for (const [waitMs, isRetried] of [[2_000, true], [2_001, false]] as const) {
    const clock = manualClock();
    const slow = thenAtSecond(() => {
      clock.advance(millis(waitMs));
      return Promise.resolve();
    });
    await withClient(slow, async (ask, accepted) => {
      equal(await ask(), "ok");
      if (isRetried) equal(await ask(), "ok");
      else await rejects(ask, { kind: "unreachable" });
      equal(accepted(), isRetried ? 2 : 1);
    }, { clock });
  }
});

Deno.test("a connection rests for 4 s, less when the engine says so, and not a millisecond longer", async () => {
  const cases: [answer: string, restMs: number][] = [
    [ANSWER, 4_000],
    [`${OK}Keep-Alive: timeout=2, max=9\r\nContent-Length: 2\r\n\r\nok`, 1_500],
    [`${OK}Keep-Alive: timeout=60\r\nContent-Length: 2\r\n\r\nok`, 4_000],
  ];
  for (const [answer, restMs] of cases) {
    const clock = manualClock();
    await withClient(always(answer), async (ask, accepted) => {
      await ask();
      clock.advance(millis(restMs - 1));
      await ask();
      equal(accepted(), 1);
      clock.advance(millis(restMs));
      await ask();
      equal(accepted(), 2);
    }, { clock });
  }
});

Deno.test("a connection is not kept when the engine will not, or speaks HTTP/1.0", async () => {
  const answers = [
    `${OK}Connection: close\r\nContent-Length: 2\r\n\r\nok`,
    `${OK}Connection: x, Close\r\nContent-Length: 2\r\n\r\nok`,
    `${OK}Keep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok`,
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
  ];
  for (const answer of answers) {
    await withClient(always(answer), async (ask, accepted) => {
      equal(await ask(), "ok");
      equal(await ask(), "ok");
      equal(accepted(), 2, answer);
    });
  }
});

Deno.test("bytes nobody asked for end the connection, with the answer or after it", async () => {
  let spoken = 0;
  const chatty = async (peer: Peer) => {
    await peer.request();
    await peer.write(
      `${ANSWER}${peer.nth === 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" : ""}`,
    );
    await breath();
    if (peer.nth === 1) await peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    spoken++;
    await peer.clientGone();
  };
  await withClient(chatty, async (ask, accepted) => {
    equal(await ask(), "ok");
    equal(await ask(), "ok");
    await until("the engine said more", () => spoken === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    equal(await ask(), "ok");
    equal(accepted(), 3);
  });
});

Deno.test("send() refuses heads that two readers might understand differently", async () => {
  const bad: [what: string, head: string][] = [
    ["both framings", `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["an unknown coding", `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    [
      "chunked twice",
      `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ["chunked of HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["the same length twice", `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`],
    ["a signed length", `${OK}Content-Length: +2\r\n\r\nok`],
    ["a folded field", `${OK}X: a\r\n b\r\nContent-Length: 2\r\n\r\nok`],
    ["a bare line end", `${OK}X: a\nY: b\r\nContent-Length: 2\r\n\r\nok`],
    ["a bare carriage return", `${OK}X: a\rb\r\nContent-Length: 2\r\n\r\nok`],
    ["a nul", `${OK}X: a\0b\r\nContent-Length: 2\r\n\r\nok`],
    ["HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok"],
    ["a switch of protocols", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"],
    ["interim answers without end", "HTTP/1.1 103 Early\r\n\r\n".repeat(9) + ANSWER],
    ["one field too many", `${OK}${"A: b\r\n".repeat(128)}Content-Length: 2\r\n\r\nok`],
    ["a head one read too long", `${OK}A: ${"b".repeat(80_000)}`],
  ];
  for (const [what, head] of bad) {
    await withClient(always(head), async (ask, accepted) => {
      await rejects(ask, { kind: "malformed" }, what);
      equal(accepted(), 1);
    });
  }
  const many = `${OK}${"A: b\r\n".repeat(127)}Content-Length: 2\r\n\r\nok`;
  await withClient(always(many), async (ask) => equal(await ask(), "ok"));
});

Deno.test("the body is cut at framing two readers might understand differently", async () => {
  const bad: [what: string, body: string][] = [
    ["a bare line end after a size", "2\nok\r\n0\r\n\r\n"],
    ["a bare line end after data", "2\r\nok\n0\r\n\r\n"],
    ["a byte in the place of a line end", "2\r\nokX\n0\r\n\r\n"],
    ["no size", "\r\nok\r\n0\r\n\r\n"],
    ["0x", "0x2\r\nok\r\n0\r\n\r\n"],
    ["a size of 14 digits", "00000000000002\r\nok\r\n0\r\n\r\n"],
    ["an endless extension", `2;${"a".repeat(5_000)}\r\nok\r\n0\r\n\r\n`],
    ["a line end inside an extension", "2;a\nb\r\nok\r\n0\r\n\r\n"],
    ["endless trailers", `2\r\nok\r\n0\r\n${"A: b\r\n".repeat(4_000)}\r\n`],
    ["a bare line end in a trailer", "2\r\nok\r\n0\r\nA: b\n\r\n\r\n"],
  ];
  for (const [what, body] of bad) {
    const answer = `${OK}Transfer-Encoding: chunked\r\n\r\n${body}`;
    await withClient(always(answer), async (ask) => {
      await rejects(ask, (thrown) => {
        equal(thrown instanceof UpstreamCut, true, what);
        return thrown instanceof UpstreamFailure;
      });
    });
  }
});

Deno.test("a connection is not kept while the request is still being written", async () => {
  const upstream = openHttp1Upstream();
  const early = async (peer: Peer) => {
    await peer.write(ANSWER);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await peer.clientGone();
  };
  try {
    await withScript(early, async ({ url, accepted }) => {
      const body = new Uint8Array(16 << 20);
      equal(await fetchText(upstream, post(url, { body })), "ok");
      equal(await fetchText(upstream, post(url, { body })), "ok");
      equal(accepted(), 2);
    });
  } finally {
    upstream.close();
  }
});
