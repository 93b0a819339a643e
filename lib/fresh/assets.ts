/** Serves the files of a build: negotiated encoding, ETag and 304, for ever if the URL names the content. */
import type { AssetFile, Build } from "./build.ts";
import { ASSET_PREFIX } from "./bundle.ts";
import type { Encoding } from "./encode.ts";
import { ASSET_PARAM } from "./asset_url.ts";

const FOR_EVER = "public, max-age=31536000, immutable";
/** Kept, but asked about each time: a 304 is cheap and never stale. */
const ALWAYS_ASK = "public, no-cache";
const PREFERRED: readonly Encoding[] = ["br", "gzip"];

/**
 * Answers if the path is a file of the build, else returns null. The build is a map in memory: a path that is not
 * in it, however it is spelled, reaches no file.
 */
export function serveAsset(
  build: Build,
  request: Request,
  url: URL,
  isDev: boolean,
): Response | null {
  const file = build.files.get(url.pathname) ?? build.files.get(decoded(url.pathname));
  if (file === undefined) {
    // A chunk of an older build: no page, and nothing to remember.
    return url.pathname.startsWith(ASSET_PREFIX)
      ? new Response("Not found", { status: 404, headers: { "cache-control": "no-store" } })
      : null;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Method not allowed", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  const encoding = chosenEncoding(file, request.headers.get("accept-encoding"));
  const etag = `"${file.hash}${encoding === null ? "" : `-${encoding}`}"`;
  const isNamed = file.isImmutable || url.searchParams.get(ASSET_PARAM) === file.hash;
  const headers = new Headers({
    etag,
    "cache-control": isDev ? "no-store" : isNamed ? FOR_EVER : ALWAYS_ASK,
  });
  if (file.encodings.size > 0) headers.set("vary", "accept-encoding");
  if (isListed(etag, request.headers.get("if-none-match"))) {
    return new Response(null, { status: 304, headers });
  }
  const bytes = encoding === null ? file.bytes : file.encodings.get(encoding) ?? file.bytes;
  headers.set("content-type", file.mediaType);
  headers.set("content-length", String(bytes.length));
  if (encoding !== null) headers.set("content-encoding", encoding);
  return new Response(request.method === "HEAD" ? null : bytes, { headers });
}

/** The encoding the client likes best and the file has; ours decides between equals. RFC 9110 §12.5.3. */
function chosenEncoding(file: AssetFile, accepted: string | null): Encoding | null {
  if (accepted === null || file.encodings.size === 0) return null;
  const quality = new Map<string, number>();
  for (const item of accepted.toLowerCase().split(",")) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim());
    const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    quality.set(name, q === undefined ? 1 : Number(q) || 0);
  }
  const qualityOf = (name: string) => quality.get(name) ?? quality.get("*") ?? 0;
  let best: Encoding | null = null;
  let bestQuality = quality.get("identity") ?? 0;
  for (const encoding of PREFERRED) {
    if (!file.encodings.has(encoding)) continue;
    const q = qualityOf(encoding);
    if (q > 0 && (best === null ? q >= bestQuality : q > bestQuality)) {
      best = encoding;
      bestQuality = q;
    }
  }
  return best;
}

function isListed(etag: string, ifNoneMatch: string | null): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === etag || tag === "*");
}

function decoded(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}
