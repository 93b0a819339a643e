/** One suite for both clients: how exchanges end, and what becomes of connections. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { millis } from "@/lib/kernel/clock.ts";
import { UpstreamCut, UpstreamFailure } from "./upstream.ts";
import { openFetchUpstream } from "./upstream_fetch.ts";
import { openHttp1Upstream } from "./upstream_http1.ts";
import {
  always,
  bothClients,
  breath,
  fetchText,
  never,
  type Peer,
  post,
  textOf,
  until,
  withScript,
} from "./upstream_testing.ts";
import { TEST_CERT, TEST_KEY } from "./upstream_testing_tls.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n`;

bothClients("says unreachable where nobody listens", async (upstream) => {
  let gone = new URL("http://127.0.0.1:1/");
  await withScript(always(""), ({ url }) => {
    gone = url;
    return Promise.resolve();
  });
  await rejects(() => upstream.send(post(gone)), { kind: "unreachable" });
});

bothClients("says headers-timeout when no head comes in time, and closes", async (upstream) => {
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

bothClients(
  "an abort before the head reaches the engine at once and throws its reason",
  async (upstream) => {
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
  },
);

const endless = (seen: { left: boolean }) => async (peer: Peer) => {
  await peer.request();
  await peer.write(`${CHUNKED}\r\n5\r\nhello\r\n`);
  await peer.clientGone();
  seen.left = true;
};
bothClients(
  "an abort inside the body reaches the engine at once and throws its reason",
  async (upstream) => {
    const seen = { left: false };
    await withScript(endless(seen), async ({ url }) => {
      const leaver = new AbortController();
      const { body } = await upstream.send(post(url, { signal: leaver.signal }));
      equal(new TextDecoder().decode(await body.read() ?? undefined), "hello");
      const reading = body.read();
      leaver.abort(new Error("the client left"));
      await rejects(async () => await reading, { message: "the client left" });
      await until("the engine sees it", () => seen.left);
    });
  },
);

bothClients(
  "cancel() reaches the engine at once; later reads throw, and leaving a loop cancels",
  async (upstream) => {
    const seen = { left: false };
    await withScript(endless(seen), async ({ url }) => {
      const { body } = await upstream.send(post(url));
      await body.read();
      body.cancel();
      body.cancel();
      await rejects(async () => await body.read(), UpstreamCut);
      await until("the engine sees it", () => seen.left);
      seen.left = false;
      for await (const _ of (await upstream.send(post(url))).body) break;
      await until("the engine sees that too", () => seen.left);
    });
  },
);

bothClients("does not use a connection again after an unfinished exchange", async (upstream) => {
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

bothClients("a connection the engine closed while idle costs nothing", async (upstream) => {
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

bothClients("an answer before the whole request was read is an answer", async (upstream) => {
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

bothClients("a large request body arrives whole", async (upstream) => {
  const body = new Uint8Array(3 << 20).fill(97);
  const script = async (peer: Peer) => {
    const got = await peer.request();
    await peer.write(`${OK}Content-Length: 7\r\n\r\n${got?.body.length}`);
  };
  await withScript(script, async ({ url }) => {
    equal(await fetchText(upstream, post(url, { body })), String(3 << 20));
  });
});

bothClients("a reader that stops reading stops the engine, and loses nothing", async (upstream) => {
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

bothClients("many exchanges at once each get their own answer", async (upstream) => {
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

bothClients("speaks TLS with a server it can trust, and with no other", async (upstream, name) => {
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

bothClients("a TLS handshake that never ends is bounded", async (upstream) => {
  await withScript((peer) => peer.clientGone(), async ({ url }) => {
    const https = new URL(url.href.replace("http:", "https:"));
    const limits = { connectTimeoutMs: millis(100), headersTimeoutMs: millis(150) };
    await rejects(() => upstream.send(post(https, limits)), UpstreamFailure);
  });
});

bothClients("close() refuses what comes after", async (upstream) => {
  upstream.close();
  upstream.close();
  const url = new URL("http://127.0.0.1:9/");
  await rejects(() => upstream.send(post(url, { signal: never() })), { kind: "unreachable" });
});
