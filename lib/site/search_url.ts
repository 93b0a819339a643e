/** Where the search index is: its address names its content, so it may be kept for ever. */
import { sha256Hex } from "@/lib/kernel/ids.ts";

const HASH_CHARS = 16;
const known = new Map<string, string>();

/** Hashed once for each index. */
export function searchIndexUrl(json: string): string {
  let url = known.get(json);
  if (url === undefined) {
    url = `/learn/search.json?v=${sha256Hex(json).slice(0, HASH_CHARS)}`;
    known.clear(); // there is one index at a time
    known.set(json, url);
  }
  return url;
}
