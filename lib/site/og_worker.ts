/** A worker that draws link previews: SVG in, PNG out. Drawing takes tens of milliseconds, which requests must not wait for. */
import { initWasm, Resvg } from "@resvg/resvg-wasm";

export type OgJob = { readonly id: number; readonly svg: string };
export type OgDone =
  | { readonly id: number; readonly png: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly failed: string };

/** The part of a worker's scope that is used; the compiler knows the page's scope only. */
type Scope = {
  onmessage: ((event: MessageEvent<OgJob>) => void) | null;
  postMessage(done: OgDone, transfer: Transferable[]): void;
};
const scope = self as unknown as Scope;

const FONTS = [
  "./fonts/geist-600-5.3.0.woff2",
  "../../static/fonts/geist-5.3.0.woff2",
  "../../static/fonts/geist-mono-5.3.0.woff2",
];

async function ready(): Promise<Uint8Array[]> {
  const wasm = await Deno.readFile(
    new URL(import.meta.resolve("@resvg/resvg-wasm/index_bg.wasm")),
  );
  await initWasm(wasm);
  return await Promise.all(FONTS.map((file) => Deno.readFile(new URL(file, import.meta.url))));
}

const fonts = ready();

scope.onmessage = async ({ data: { id, svg } }) => {
  try {
    const resvg = new Resvg(svg, {
      font: { fontBuffers: await fonts, loadSystemFonts: false, defaultFontFamily: "Geist" },
    });
    const image = resvg.render();
    const png = new Uint8Array(image.asPng());
    image.free();
    resvg.free();
    scope.postMessage({ id, png }, [png.buffer]);
  } catch (error) {
    scope.postMessage({ id, failed: String(error) }, []);
  }
};
