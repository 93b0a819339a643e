/** URLs of static files that name their content, the same on the server and in the browser. */

/** The query parameter that names the content of a static file; Fresh calls it the same. */
export const ASSET_PARAM = "__frsh_c";

/** Path → content hash of every static file; the bundler puts the table in the browser's copy. */
declare const __FRESH_ASSETS__: Record<string, string> | undefined;
let assetHashes: Record<string, string> = typeof __FRESH_ASSETS__ === "undefined"
  ? {}
  : __FRESH_ASSETS__;

/** Tells `asset()` the hashes of the app that renders next; called by the server only. */
export function useAssetHashes(hashes: Record<string, string>): void {
  assetHashes = hashes;
}

/** The URL of a file of `static/` that may be cached for ever: it names the file's content. */
export function asset(path: string): string {
  const hash = assetHashes[path.replace(/[?#].*$/s, "")];
  if (hash === undefined || path.includes(`${ASSET_PARAM}=`)) return path;
  const [, base = "", fragment = ""] = /^([^#]*)(.*)$/s.exec(path) ?? [];
  return `${base}${base.includes("?") ? "&" : "?"}${ASSET_PARAM}=${hash}${fragment}`;
}

/** `asset()` for each URL of a `srcset`. */
export function assetSrcSet(srcset: string): string {
  return srcset.split(",").map((candidate) =>
    candidate.replace(/^(\s*)(\S+)/, (_, space: string, url: string) => space + asset(url))
  ).join(",");
}
