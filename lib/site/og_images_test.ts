import assert from "node:assert/strict";
import { systemClock } from "@/lib/kernel/clock.ts";
import { createOgImages, OG_IMAGES_MAX } from "./og_images.ts";
import type { OgDone, OgJob } from "./og_worker.ts";

/** A worker that answers when told to, and counts what it was asked. */
function fakeWorker(answer: (job: OgJob) => OgDone | null) {
  const seen = { started: 0, terminated: 0, drawing: 0, most: 0, jobs: [] as string[] };
  const startWorker = () => {
    seen.started++;
    const worker = {
      onmessage: null as ((event: MessageEvent<OgDone>) => void) | null,
      onerror: null,
      postMessage(job: OgJob) {
        seen.jobs.push(job.svg);
        seen.most = Math.max(seen.most, ++seen.drawing);
        queueMicrotask(() => {
          seen.drawing--;
          const data = answer(job);
          if (data !== null) worker.onmessage?.(new MessageEvent("message", { data }));
        });
      },
      terminate: () => void seen.terminated++,
    };
    return worker;
  };
  return { seen, startWorker };
}

const draws = ({ id }: OgJob): OgDone => ({ id, png: new Uint8Array([id]) });

Deno.test("png() draws a picture once, however many ask, and one picture at a time", async () => {
  const { seen, startWorker } = fakeWorker(draws);
  const images = createOgImages({ clock: systemClock, startWorker });
  const asked = [..."aabbcc"].map((path) => images.png(path, () => path));
  await Promise.all(asked);
  await images.png("a", () => "again");
  assert.deepEqual(seen.jobs, ["a", "b", "c"]);
  assert.equal(seen.most, 1);
  assert.equal(seen.started, 1);
  images.close();
  assert.equal(seen.terminated, 1);
});

Deno.test("png() forgets the picture that was asked for longest ago", async () => {
  const { seen, startWorker } = fakeWorker(draws);
  const images = createOgImages({ clock: systemClock, startWorker });
  for (let i = 0; i <= OG_IMAGES_MAX; i++) await images.png(`p${i}`, () => `p${i}`);
  await images.png(`p${OG_IMAGES_MAX}`, () => "kept");
  assert.ok(!seen.jobs.includes("kept"));
  await images.png("p0", () => "drawn again");
  assert.ok(seen.jobs.includes("drawn again"));
  images.close();
});

Deno.test("png() rejects when drawing fails, and draws the next with a new worker", async () => {
  const { seen, startWorker } = fakeWorker((job) =>
    job.svg === "bad" ? { id: job.id, failed: "no such font" } : draws(job)
  );
  const images = createOgImages({ clock: systemClock, startWorker });
  await assert.rejects(images.png("x", () => "bad"), /Cannot draw the preview of x: no such font/);
  assert.ok(await images.png("x", () => "good"));
  assert.equal(seen.started, 2);
  images.close();
});

Deno.test("close() ends a drawing that never answers", async () => {
  const { startWorker } = fakeWorker(() => null);
  const images = createOgImages({ clock: systemClock, startWorker });
  const asked = images.png("x", () => "x");
  const refused = assert.rejects(asked);
  await new Promise((resolve) => setTimeout(resolve, 0));
  images.close();
  await refused;
});
