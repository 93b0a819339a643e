/**
 * What a page costs to draw and to send: CPU per page in this process, bytes over the wire, and in a real browser on a
 * slowed network and processor the largest contentful paint.
 */
import process from "node:process";
import { chromium } from "playwright-core";
import { testSite } from "./site.ts";
import { row, type Table } from "./report.ts";
import { median } from "./statistics.ts";

export type PagesOptions = {
  readonly rounds: number;
  readonly drawsPerRound: number;
  /** How often each page is loaded in the browser. */
  readonly paints: number;
};

const PAGES = [
  "/",
  "/models",
  "/status",
  "/learn",
  "/learn/economics/scale-to-zero-arithmetic",
  "/learn/reliability/anatomy-of-a-gpu-wake",
  "/docs/api",
];
const CHROMIUM = "/usr/bin/chromium";
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];
/** As Lighthouse's "slow 4G" with half its delay; a processor four times slower. */
const NETWORK = { downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8, latency: 75 };
const CPU_SLOWDOWN = 4;

/** Medians over rounds; the first round is thrown away. */
export async function pages(
  { rounds, drawsPerRound, paints: times }: PagesOptions,
): Promise<Table[]> {
  await using site = await testSite();
  const drawn: { path: string; cpuUs: number; bytes: number; gzip: number }[] = [];
  for (const path of PAGES) {
    const costs: number[] = [];
    let bytes = 0;
    let gzip = 0;
    for (let round = 0; round < rounds; round++) {
      const before = process.cpuUsage();
      for (let i = 0; i < drawsPerRound; i++) {
        const response = await site.ask(path);
        const html = await response.bytes();
        bytes = html.length;
        if (i === 0 && round === 0) gzip = await gzipped(html);
      }
      const { user, system } = process.cpuUsage(before);
      if (round > 0) costs.push((user + system) / drawsPerRound);
    }
    drawn.push({ path, cpuUs: median(costs), bytes, gzip });
  }
  const paints = await paintTimes(site.url, times);
  return [
    {
      title: "Drawing a page: CPU of this process, request to text, in memory",
      columns: ["", "CPU µs", "pages per core·s", "HTML bytes", "gzip bytes"],
      rows: drawn.map(({ path, cpuUs, bytes, gzip }) =>
        row(path, [cpuUs, 1_000_000 / cpuUs, bytes, gzip], 0)
      ),
      figures: drawn,
    },
    {
      title:
        `Largest contentful paint in Chromium, cold cache, 1.6 Mbit/s, ${NETWORK.latency} ms, processor ÷ ${CPU_SLOWDOWN} (ms)`,
      columns: ["", "median", "script bytes"],
      rows: paints.map(({ path, lcpMs, scriptBytes }) => row(path, [lcpMs, scriptBytes], 0)),
      figures: paints,
    },
  ];
}

async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).bytes()).length;
}

async function paintTimes(
  url: string,
  paints: number,
): Promise<{ path: string; lcpMs: number; scriptBytes: number }[]> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const found: { path: string; lcpMs: number; scriptBytes: number }[] = [];
  try {
    for (const path of PAGES) {
      const times: number[] = [];
      let scriptBytes = 0;
      for (let i = 0; i < paints; i++) {
        const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
        const page = await context.newPage();
        const session = await context.newCDPSession(page);
        await session.send("Network.enable");
        await session.send("Network.emulateNetworkConditions", { offline: false, ...NETWORK });
        await session.send("Emulation.setCPUThrottlingRate", { rate: CPU_SLOWDOWN });
        const sizes: Promise<number>[] = [];
        page.on("requestfinished", (request) => {
          if (request.resourceType() !== "script") return;
          sizes.push(request.sizes().then((size) => size.responseBodySize, () => 0));
        });
        await page.goto(url + path, { waitUntil: "load" });
        times.push(
          await page.evaluate(() =>
            new Promise<number>((resolve) => {
              new PerformanceObserver((list) => resolve(list.getEntries().at(-1)?.startTime ?? 0))
                .observe({ type: "largest-contentful-paint", buffered: true });
            })
          ),
        );
        scriptBytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
        await context.close();
      }
      found.push({ path, lcpMs: median(times), scriptBytes });
    }
  } finally {
    await browser.close();
  }
  return found;
}
