import assert from "node:assert/strict";
import { createApp } from "./app.ts";
import { copyDir } from "./testdata/copy_dir.ts";

const site = new URL("./testdata/site", import.meta.url).pathname;
const WAIT_MS_MAX = 5_000;

Deno.test("createApp() in development rebuilds after a change and tells open pages", async () => {
  const root = await Deno.makeTempDir();
  const ending = new AbortController();
  try {
    await copyDir(`${site}/static`, `${root}/static`);
    await Deno.mkdir(`${root}/routes`);
    await Deno.writeTextFile(
      `${root}/routes/index.ts`,
      "export const handler = (ctx) => ctx.render(null);",
    );
    const app = await createApp({ root, dev: true, signal: ending.signal });

    const page = await (await app.request("/")).text();
    const [, id = ""] = /src="\/_fresh_dev\/reload\.js\?([^"]+)"/.exec(page) ?? [];
    const script = await (await app.request("/_fresh_dev/reload.js")).text();
    assert.match(script, /new EventSource\("\/_fresh_dev\/events"\)/);

    const events = await app.request("/_fresh_dev/events");
    const stream = (events.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream());
    const reader = stream.getReader();
    const told = await readUntil(reader, `data: ${id}\n\n`);
    assert.match(told, /^retry: 50\n/);

    await Deno.writeTextFile(`${root}/static/more.css`, "main { max-width: 77ch }");
    await readUntil(reader, "data: reload\n\n");
    const css = await app.request("/app.css");
    assert.match(await css.text(), /77ch/);
    assert.equal(css.headers.get("cache-control"), "no-store");

    await Deno.writeTextFile(
      `${root}/routes/later.ts`,
      "export const handler = () => new Response('later');",
    );
    await readUntil(reader, "data: reload\n\n");
    assert.equal(await (await app.request("/later")).text(), "later");

    ending.abort();
    assert.equal((await reader.read()).done, true);
  } finally {
    ending.abort();
    await Deno.remove(root, { recursive: true });
  }
});

/** Reads until the text was sent; what came after it in the same chunk is lost. */
async function readUntil(
  reader: ReadableStreamDefaultReader<string>,
  text: string,
): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`never told "${text.trim()}"`)), WAIT_MS_MAX);
  });
  try {
    let read = "";
    while (!read.includes(text)) {
      const { value, done } = await Promise.race([reader.read(), late]);
      if (done) break;
      read += value;
    }
    return read;
  } finally {
    clearTimeout(timer);
  }
}
