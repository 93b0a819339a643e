/** Compression and media types of assets. */
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

export type Encoding = "br" | "gzip";

/** Shorter texts do not shrink by a packet. */
const COMPRESS_FROM_BYTES = 256;

const EFFORT = { best: { br: 11, gzip: 9 }, quick: { br: 5, gzip: 6 } };

const MEDIA_TYPES: Record<string, string> = {
  avif: "image/avif",
  css: "text/css; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  gif: "image/gif",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  map: "application/json",
  md: "text/markdown; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  mp4: "video/mp4",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
  webm: "video/webm",
  webmanifest: "application/manifest+json",
  webp: "image/webp",
  woff2: "font/woff2",
  xml: "application/xml",
};

export function mediaTypeOf(path: string): string {
  const extension = /\.(\w+)$/.exec(path)?.[1] ?? "";
  return MEDIA_TYPES[extension.toLowerCase()] ?? "application/octet-stream";
}

/** The encodings worth serving: of a text that is long enough, each that is smaller than the text. */
export async function encoded(
  bytes: Uint8Array<ArrayBuffer>,
  mediaType: string,
  effort: "best" | "quick",
): Promise<Map<Encoding, Uint8Array<ArrayBuffer>>> {
  const encodings = new Map<Encoding, Uint8Array<ArrayBuffer>>();
  const isText = /^text\/|json|xml|image\/(svg|x-icon)|wasm/.test(mediaType);
  if (!isText || bytes.length < COMPRESS_FROM_BYTES) return encodings;
  const { br, gzip: level } = EFFORT[effort];
  const [brotli, gzipped] = await Promise.all([
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: br } }),
    promisify(gzip)(bytes, { level }),
  ]);
  if (brotli.length < bytes.length) encodings.set("br", Uint8Array.from(brotli));
  if (gzipped.length < bytes.length) encodings.set("gzip", Uint8Array.from(gzipped));
  return encodings;
}
